package servers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"

	"tokend/system"
)

func (w *world) startTLS() {
	w.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	w.StartTLS()
}

// once lets every identifier through once.
func once() func(context.Context, string) error {
	var mu sync.Mutex
	seen := map[string]bool{}
	return func(_ context.Context, id string) error {
		mu.Lock()
		defer mu.Unlock()
		if seen[id] {
			return errors.New("seen before")
		}
		seen[id] = true
		return nil
	}
}

type certificateKey struct{}

// shown returns the certificate that the request's connection showed.
func shown(ctx context.Context) (*x509.Certificate, error) {
	if cert, ok := ctx.Value(certificateKey{}).(*x509.Certificate); ok {
		return cert, nil
	}
	return nil, errors.New("no certificate")
}

// goOIDC runs a server that knows a client of the same name for every way in
// which clients prove who they are.
func goOIDC(t *testing.T, secure bool, more ...provider.Option) *world {
	t.Helper()
	return start(t, secure, func(base string, w *world) http.Handler {
		return newGoOIDC(t, base, w, secure, more)
	})
}

func newGoOIDC(t *testing.T, base string, w *world, secure bool, more []provider.Option) http.Handler {
	t.Helper()
	keys := ownKeys(t)
	options := append([]provider.Option{
		provider.WithScopes(goidc.NewScope("read"), goidc.NewScope("write")),
		provider.WithSecretBasicAuthn(), provider.WithSecretPostAuthn(),
		provider.WithSecretJWTAuthn(goidc.SigAlgHS256, "HS512"),
		provider.WithPrivateKeyJWTAuthn(goidc.SigAlgES256),
		provider.WithClientCredentialsGrant(),
		provider.WithJTIConsumer(once()),
		provider.WithTokenOptions(func(context.Context, *goidc.Grant, *goidc.Client) goidc.TokenOptions {
			return goidc.NewJWTTokenOptions(goidc.SigAlgES256, 300)
		}),
		provider.WithStaticClients(clients(t, w)...),
	}, more...)
	if secure {
		options = append(options, provider.WithTLSAuthn(), provider.WithSelfSignedTLSAuthn(),
			provider.WithMTLS(provider.MTLSConfig{Host: base + "/mtls", ClientCert: shown}))
	}
	server, err := provider.New(provider.Config{
		Issuer: base, IDTokenAlgs: []goidc.SignatureAlgorithm{goidc.SigAlgES256},
		JWKS: func(context.Context) (goidc.JSONWebKeySet, error) { return keys, nil },
	}, options...)
	if err != nil {
		t.Fatal(err)
	}
	return withCertificate(server.Handler())
}

// withCertificate serves /mtls/… as /…, with the certificate in the context.
func withCertificate(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path, ok := strings.CutPrefix(r.URL.Path, "/mtls"); ok && r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			r = r.WithContext(context.WithValue(r.Context(), certificateKey{}, r.TLS.PeerCertificates[0]))
			r.URL.Path = path
		}
		h.ServeHTTP(w, r)
	})
}

func ownKeys(t *testing.T) goidc.JSONWebKeySet {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return goidc.JSONWebKeySet{Keys: []goidc.JSONWebKey{{KeyID: "own", Key: key, Algorithm: "ES256", Use: "sig"}}}
}

// clients makes the clients and writes the files that belong to them: good.key
// and good.pem, and bad.key and bad.pem that no client has.
func clients(t *testing.T, w *world) []*goidc.Client {
	t.Helper()
	good, cert := w.key(t, "good")
	w.key(t, "bad")
	sum := sha256.Sum256(cert.Raw)
	keys := &goidc.JSONWebKeySet{Keys: []goidc.JSONWebKey{{
		KeyID: "k1", Key: good.Public(), Algorithm: "ES256", Use: "sig", CertificateThumbprintSHA256: sum[:],
	}}}
	var all []*goidc.Client
	for _, method := range []goidc.AuthnMethod{
		goidc.AuthnMethodSecretBasic, goidc.AuthnMethodSecretPost, goidc.AuthnMethodSecretJWT,
		goidc.AuthnMethodPrivateKeyJWT, goidc.AuthnMethodTLS, goidc.AuthnMethodSelfSignedTLS,
	} {
		if !w.secure && strings.HasSuffix(string(method), "tls_client_auth") {
			continue
		}
		all = append(all, &goidc.Client{ID: string(method), Secret: secret, ClientMeta: goidc.ClientMeta{
			GrantTypes: []goidc.GrantType{goidc.GrantClientCredentials, goidc.GrantRefreshToken, goidc.GrantJWTBearer},
			ScopeIDs:   "read write", TokenAuthnMethod: method, JWKS: keys, TLSSubjectDistinguishedName: "CN=good",
		}})
	}
	return all
}

const asserting = "provider: client_credentials, token_url: BASE/token, client_id: private_key_jwt, client_auth: private_key_jwt, client_key_id: k1, "

func TestGoOIDCAuthenticatesTheClient(t *testing.T) {
	w := goOIDC(t, true)
	const (
		secretly = "provider: client_credentials, tls: {ca_file: ca.pem}, token_url: BASE/token, client_secret: '${file:secret}', "
		mutually = "provider: client_credentials, token_url: BASE/mtls/token, client_auth: tls, "
		trusting = asserting + "tls: {ca_file: ca.pem}, "
	)
	w.write(t, "secret", secret)
	for name, c := range map[string]struct {
		keys    string
		options []system.Option
		want    string // empty: accepted
	}{
		"a secret":                             {keys: secretly + "client_id: client_secret_basic"},
		"a secret in the body":                 {keys: secretly + "client_id: client_secret_post, client_auth: post"},
		"a secret that signs":                  {keys: secretly + "client_id: client_secret_jwt, client_auth: client_secret_jwt"},
		"a secret that signs for the issuer":   {keys: secretly + "client_id: client_secret_jwt, client_auth: client_secret_jwt, assertion_algorithm: HS512, issuer: BASE, assertion_audience: issuer"},
		"a key":                                {keys: trusting + "client_key: '${file:good.key}'"},
		"a key, for the issuer":                {keys: trusting + "client_key: '${file:good.key}', issuer: BASE, assertion_audience: issuer"},
		"a key and its certificate":            {keys: trusting + "client_key: '${file:good.key}', client_certificate: '${file:good.pem}'"},
		"a certificate with the right subject": {keys: mutually + "client_id: tls_client_auth, tls: {ca_file: ca.pem, cert_file: good.pem, key_file: good.key}"},
		"a certificate that is known":          {keys: mutually + "client_id: self_signed_tls_client_auth, tls: {ca_file: ca.pem, cert_file: good.pem, key_file: good.key}"},

		"a wrong secret":             {keys: "provider: client_credentials, tls: {ca_file: ca.pem}, token_url: BASE/token, client_id: client_secret_basic, client_secret: other", want: "rejected: 401 invalid_client"},
		"a wrong secret in the body": {keys: "provider: client_credentials, tls: {ca_file: ca.pem}, token_url: BASE/token, client_id: client_secret_post, client_auth: post, client_secret: other", want: "rejected: 401 invalid_client"},
		"a wrong secret that signs":  {keys: "provider: client_credentials, tls: {ca_file: ca.pem}, token_url: BASE/token, client_id: client_secret_jwt, client_auth: client_secret_jwt, client_secret: other-other-other-other-other-other", want: "rejected: 401 invalid_client"},
		"a wrong key":                {keys: trusting + "client_key: '${file:bad.key}'", want: "rejected: 401 invalid_client"},
		"a wrong audience":           {keys: trusting + "client_key: '${file:good.key}', assertion_audience: 'https://other.example'", want: "rejected: 401 invalid_client"},
		"an expired assertion":       {keys: trusting + "client_key: '${file:good.key}'", options: []system.Option{system.WithClock(behind)}, want: "ahead of this one"},
		"a wrong subject":            {keys: mutually + "client_id: tls_client_auth, tls: {ca_file: ca.pem, cert_file: bad.pem, key_file: bad.key}", want: "rejected: 401 invalid_client"},
		"an unknown certificate":     {keys: mutually + "client_id: self_signed_tls_client_auth, tls: {ca_file: ca.pem, cert_file: bad.pem, key_file: bad.key}", want: "rejected: 401 invalid_client"},
	} {
		t.Run(name, func(t *testing.T) { check(t, w.node(t, c.keys, c.options...), c.want) })
	}
}

func TestGoOIDCRefusesAnAssertionThatItHasSeen(t *testing.T) {
	w := goOIDC(t, false)
	sys := w.node(t, asserting+"client_key: '${file:good.key}'")
	check(t, sys, "")
	if status := w.again(t, "/token"); status != http.StatusUnauthorized {
		t.Errorf("answered %d", status)
	}
	if err := sys.Refresh(t.Context(), "s"); err != nil {
		t.Errorf("another try has no other assertion: %v", err)
	}
}

func TestGoOIDCIsDiscovered(t *testing.T) {
	w := goOIDC(t, true)
	const mutually = "provider: client_credentials, issuer: BASE, client_auth: tls, client_id: self_signed_tls_client_auth, "
	for name, c := range map[string]struct{ keys, want string }{
		"its endpoint":                {keys: "provider: client_credentials, issuer: BASE, tls: {ca_file: ca.pem}, client_id: client_secret_basic, client_secret: " + secret},
		"its endpoint, as audience":   {keys: strings.Replace(asserting, "token_url: BASE/token", "issuer: BASE", 1) + "tls: {ca_file: ca.pem}, client_key: '${file:good.key}'"},
		"its endpoint for mutual TLS": {keys: mutually + "tls: {ca_file: ca.pem, cert_file: good.pem, key_file: good.key}"},
		"another issuer's name":       {"provider: client_credentials, issuer: BASE/, tls: {ca_file: ca.pem}, client_id: client_secret_basic, client_secret: " + secret, "the metadata is of issuer"},
	} {
		t.Run(name, func(t *testing.T) { check(t, w.node(t, c.keys), c.want) })
	}
}
