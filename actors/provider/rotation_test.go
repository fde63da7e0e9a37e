package provider

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
)

// A connection shows one certificate for as long as it lives, and HTTP/2 has all
// requests to a host share one: a request under way must not keep the certificate
// of before in use.
func TestARequestUnderWayKeepsNoCertificateInUse(t *testing.T) {
	for name, protocol := range map[string]int{"HTTP/1.1": 1, "HTTP/2": 2} {
		t.Run(name, func(t *testing.T) {
			ca, dir := newAuthority(t), t.TempDir()
			shown, answer := make(chan *x509.Certificate, 1), make(chan bool)
			server := ca.serveTLS(t, hour(), func(w http.ResponseWriter, req *http.Request) {
				shown <- req.TLS.PeerCertificates[0]
				<-answer
				says(200, goodAnswer)(w, req)
			}, func(s *httptest.Server) {
				s.TLS.ClientAuth, s.EnableHTTP2 = tls.RequireAnyClientCert, protocol == 2
			})
			settings := client(t, server.URL)
			settings.TLS = TLS{CAFile: ca.file, CertFile: filepath.Join(dir, "client.pem"), KeyFile: filepath.Join(dir, "client.key")}
			rotate := func() {
				_, cert, key := ca.issue(t, hour())
				replace(t, settings.TLS.CertFile, cert)
				replace(t, settings.TLS.KeyFile, key)
			}
			var group sync.WaitGroup
			ask := func() *x509.Certificate {
				group.Go(func() { acquire(t, mustClient(t, settings)) })
				return <-shown
			}
			rotate()
			before := ask()
			rotate()
			after := ask()
			close(answer)
			group.Wait()
			if third := ask(); after.Equal(before) || !third.Equal(after) {
				t.Error("the certificate of before was shown")
			}
			group.Wait()
		})
	}
}

func TestACAFileIsReadAnewWhenItChanges(t *testing.T) {
	before, after := newAuthority(t), newAuthority(t)
	server := after.serveTLS(t, hour(), says(200, goodAnswer), nil)
	settings := client(t, server.URL)
	settings.TLS.CAFile = before.file
	p := mustClient(t, settings)
	wantFailure(t, failure(t, p), "transient", "certificate signed by unknown authority: set tls.ca_file")
	replace(t, before.file, writePEM(t, "NO CERTIFICATE", nil)) // as one that is not whole yet
	wantFailure(t, failure(t, p), "transient", "certificate signed by unknown authority: set tls.ca_file")
	replace(t, before.file, after.file)
	acquire(t, p)
}
