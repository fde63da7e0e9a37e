package system

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tokend/config"
	"tokend/messages"
)

// writePair writes a client certificate with that number, and its key.
func writePair(t *testing.T, number int64, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(number), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, certFile, asPEM("CERTIFICATE", der))
	writeFile(t, keyFile, asPEM("PRIVATE KEY", raw))
}

func asPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// knowing returns an IdP that knows the certificate of that number only.
func knowing(t *testing.T, number int64) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.TLS.PeerCertificates[0].SerialNumber.Int64() != number {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprint(w, `{"access_token":"token","expires_in":3600}`)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// No bubble, for a socket is real. What is waited for is an event, and the time only
// bounds a test that fails: refused credentials are not tried by themselves for five
// minutes.
func TestAReplacedCertificateIsTriedByItself(t *testing.T) {
	server, dir := knowing(t, 2), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	writeFile(t, file("ca"), asPEM("CERTIFICATE", server.Certificate().Raw))
	writePair(t, 1, file("cert"), file("key"))
	s := newSystem(t, &config.Config{Services: map[string]config.Service{"a": {
		Provider: config.KindClientCredentials, TLS: &config.TLS{CAFile: file("ca"), CertFile: file("cert"), KeyFile: file("key")},
		ClientCredentials: &config.ClientCredentials{TokenURL: server.URL, ClientID: "me", ClientAuth: config.AuthTLS},
	}}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	events := s.Subscribe(ctx)
	start(t, s)
	if _, err := s.Token(ctx, "a"); !errors.Is(err, messages.ErrRejected) {
		t.Fatalf("with the wrong certificate: %v", err)
	}
	writePair(t, 2, file("next cert"), file("next key"))
	for _, name := range []string{"cert", "key"} {
		if err := os.Rename(file("next "+name), file(name)); err != nil {
			t.Fatal(err)
		}
	}
	for e := range events {
		if _, ok := e.(*messages.TokenAcquired); ok {
			return
		}
	}
	t.Error("no token was acquired")
}
