package provider

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tokend/messages"
)

// copied puts a copy of a file in another's place, so that both are there.
func copied(t *testing.T, place, from string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(t.TempDir(), "next.pem")
	if err := os.WriteFile(next, text, 0o600); err != nil {
		t.Fatal(err)
	}
	replace(t, place, next)
}

func TestAChangedAuthorityCountsAtTheNextRequest(t *testing.T) {
	right, wrong := newAuthority(t), newAuthority(t)
	server := right.serveTLS(t, hour(), says(200, goodAnswer), nil)
	settings := client(t, server.URL)
	settings.TLS.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	copied(t, settings.TLS.CAFile, wrong.file)
	p := mustClient(t, settings)
	wantFailure(t, failure(t, p), messages.ClassTransient, "certificate signed by unknown authority: set tls.ca_file")
	copied(t, settings.TLS.CAFile, right.file)
	acquire(t, p)
	copied(t, settings.TLS.CAFile, wrong.file)
	wantFailure(t, failure(t, p), messages.ClassTransient, "certificate signed by unknown authority: set tls.ca_file")
}

func TestAuthoritiesThatCannotBeReadChangeNothing(t *testing.T) {
	ca := newAuthority(t)
	server := ca.serveTLS(t, hour(), says(200, goodAnswer), nil)
	settings := client(t, server.URL)
	settings.TLS.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	copied(t, settings.TLS.CAFile, ca.file)
	p := mustClient(t, settings)
	acquire(t, p)
	if err := os.WriteFile(settings.TLS.CAFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	acquire(t, p)
	if err := os.Remove(settings.TLS.CAFile); err != nil {
		t.Fatal(err)
	}
	acquire(t, p)
}

// With HTTP/2 one connection serves all services, so that it is hardly ever idle.
func TestABusyConnectionIsNotUsedWithItsOldCertificate(t *testing.T) {
	r, release := newRotation(t), make(chan struct{})
	arrived, shown := make(chan struct{}), make(chan *x509.Certificate, 3)
	server := r.ca.serveTLS(t, hour(), func(w http.ResponseWriter, req *http.Request) {
		shown <- req.TLS.PeerCertificates[0]
		if req.URL.Path == "/slow" {
			close(arrived)
			<-release
		}
		if req.ProtoMajor != 2 {
			t.Errorf("%s", req.Proto)
		}
		says(200, goodAnswer)(w, req)
	}, func(s *httptest.Server) {
		s.EnableHTTP2 = true
		s.TLS.ClientAuth = 1 // a certificate is asked for
	})
	_, cert, key := r.ca.issue(t, hour())
	replace(t, r.cert, cert)
	replace(t, r.key, key)
	r.settings.TokenURL = server.URL + "/slow"
	slow := mustClient(t, r.settings)
	r.settings.TokenURL = server.URL + "/quick"
	quick := mustClient(t, r.settings)
	ended := make(chan error, 1)
	go func() {
		_, err := Acquire(t.Context(), slow, Request{Service: "slow"})
		ended <- err
	}()
	<-arrived
	acquire(t, quick)
	first, second := <-shown, <-shown
	if !first.Equal(second) {
		t.Error("two certificates before the change")
	}
	_, cert, key = r.ca.issue(t, hour())
	replace(t, r.cert, cert)
	replace(t, r.key, key)
	acquire(t, quick)
	if third := <-shown; third.Equal(first) {
		t.Error("the old certificate was shown after the change")
	}
	close(release)
	if err := <-ended; err != nil {
		t.Errorf("what was under way: %v", err)
	}
}

func TestATouchedCertificateKeepsItsConnections(t *testing.T) {
	remotes := make(chan string, 2)
	ca := newAuthority(t)
	server := ca.serveTLS(t, hour(), func(w http.ResponseWriter, req *http.Request) {
		remotes <- req.RemoteAddr
		says(200, goodAnswer)(w, req)
	}, nil)
	settings := client(t, server.URL)
	_, cert, key := ca.issue(t, hour())
	settings.TLS = TLS{CAFile: ca.file, CertFile: cert, KeyFile: key}
	p := mustClient(t, settings)
	acquire(t, p)
	for _, file := range []string{ca.file, cert, key} {
		if err := os.Chtimes(file, time.Time{}, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	acquire(t, p)
	if first, second := <-remotes, <-remotes; first != second {
		t.Error("the connection was given up")
	}
}
