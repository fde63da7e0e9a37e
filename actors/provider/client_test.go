package provider

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAClientWithoutSecretNamesItself(t *testing.T) {
	handler, requests := record(t)
	settings := client(t, serve(t, handler).URL)
	settings.Auth, settings.ClientSecret = AuthNone, nil
	acquire(t, mustClient(t, settings))
	got := <-requests
	want := url.Values{"grant_type": {"client_credentials"}, "client_id": {"probe"}}
	if diff := cmp.Diff(want, got.form); diff != "" || got.header.Get("Authorization") != "" {
		t.Errorf("%s authorization %q", diff, got.header.Get("Authorization"))
	}
}

func TestAClientWithACertificateNeedsOne(t *testing.T) {
	settings := client(t, "https://idp.example/token")
	settings.Auth = AuthTLS
	if _, err := NewClientCredentials(settings); err == nil || err.Error() != "tls.cert_file: missing: client_auth tls shows a certificate" {
		t.Errorf("got %v", err)
	}
	settings.TLS.CertFile, settings.TLS.KeyFile, settings.TokenURL = "a", "b", "http://127.0.0.1/"
	if _, err := NewClientCredentials(settings); err == nil || err.Error() != "token_url: not https://, without which client_auth tls shows no certificate" {
		t.Errorf("got %v", err)
	}
}

// rotation is a client certificate in files, and a server that says which serial
// number it was shown.
type rotation struct {
	ca        *authority
	cert, key string
	shown     chan *x509.Certificate
	settings  ClientCredentials
}

func newRotation(t *testing.T) *rotation {
	t.Helper()
	r := &rotation{ca: newAuthority(t), shown: make(chan *x509.Certificate, 1)}
	dir := t.TempDir()
	r.cert, r.key = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	server := r.ca.serveTLS(t, hour(), func(w http.ResponseWriter, req *http.Request) {
		r.shown <- req.TLS.PeerCertificates[0]
		says(200, goodAnswer)(w, req)
	}, func(s *httptest.Server) { s.TLS.ClientAuth = tls.RequireAnyClientCert })
	r.settings = client(t, server.URL)
	r.settings.Auth, r.settings.ClientSecret = AuthTLS, nil
	r.settings.TLS = TLS{CAFile: r.ca.file, CertFile: r.cert, KeyFile: r.key}
	return r
}

// replace puts a file in another's place, as what rotates certificates does.
func replace(t *testing.T, place, by string) {
	t.Helper()
	if err := os.Rename(by, place); err != nil {
		t.Fatal(err)
	}
}

func (r *rotation) wantShown(t *testing.T, certFile string) {
	t.Helper()
	text, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if shown := <-r.shown; string(shown.Raw) != string(block.Bytes) {
		t.Error("another certificate was shown")
	}
}

func TestACertificateIsReadAnewWhenItRotates(t *testing.T) {
	r := newRotation(t)
	_, cert, key := r.ca.issue(t, hour())
	replace(t, r.cert, cert)
	replace(t, r.key, key)
	p := mustClient(t, r.settings)
	acquire(t, p)
	r.wantShown(t, r.cert)

	_, newCert, newKey := r.ca.issue(t, hour())
	before := filepath.Join(t.TempDir(), "before.pem")
	if err := os.Link(r.cert, before); err != nil {
		t.Fatal(err)
	}
	replace(t, r.cert, newCert) // and for a moment the two do not fit together
	r.settings.Transports.Close()
	acquire(t, p)
	r.wantShown(t, before)
	replace(t, r.key, newKey)
	acquire(t, p) // the connection of before is not used again
	r.wantShown(t, r.cert)
}

func TestACertificateThatIsNotThereYet(t *testing.T) {
	r := newRotation(t)
	p := mustClient(t, r.settings)
	failure(t, p)
	_, cert, key := r.ca.issue(t, hour())
	replace(t, r.cert, cert)
	replace(t, r.key, key)
	acquire(t, p)
	r.wantShown(t, r.cert)
}
