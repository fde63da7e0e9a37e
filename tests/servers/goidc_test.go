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
		provider.WithPrivateKeyJWTAuthn(signs...),
		provider.WithClientCredentialsGrant(),
		provider.WithJTIConsumer(once()),
		provider.WithTokenOptions(func(context.Context, *goidc.Grant, *goidc.Client) goidc.TokenOptions {
			return goidc.NewJWTTokenOptions(goidc.SigAlgES256, 300)
		}),
		provider.WithStaticClients(clients(w)...),
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
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	return goidc.JSONWebKeySet{Keys: []goidc.JSONWebKey{{KeyID: "own", Key: key, Algorithm: "ES256", Use: "sig"}}}
}

// clients makes the clients.
func clients(w *world) []*goidc.Client {
	sum := sha256.Sum256(w.certs["ec"].Raw)
	keys := &goidc.JSONWebKeySet{Keys: []goidc.JSONWebKey{
		{KeyID: "ec", Key: w.keys["ec"].Public(), Algorithm: "ES256", Use: "sig", CertificateThumbprintSHA256: sum[:]},
		{KeyID: "rsa", Key: w.keys["rsa"].Public(), Use: "sig"},
		{KeyID: "ed", Key: w.keys["ed"].Public(), Use: "sig"},
	}}
	var all []*goidc.Client
	client := func(id string, method goidc.AuthnMethod, algorithm goidc.SignatureAlgorithm) {
		all = append(all, &goidc.Client{ID: id, Secret: secret, ClientMeta: goidc.ClientMeta{
			GrantTypes: []goidc.GrantType{goidc.GrantClientCredentials},
			ScopeIDs:   "read write", TokenAuthnMethod: method, TokenAuthnSigAlg: algorithm, JWKS: keys, TLSSubjectDistinguishedName: "CN=pki",
		}})
	}
	client("basic", goidc.AuthnMethodSecretBasic, "")
	client("post", goidc.AuthnMethodSecretPost, "")
	client("secret", goidc.AuthnMethodSecretJWT, "")
	client("pki", goidc.AuthnMethodTLS, "")
	client("self", goidc.AuthnMethodSelfSignedTLS, "")
	for _, algorithm := range signs {
		client(string(algorithm), goidc.AuthnMethodPrivateKeyJWT, algorithm)
	}
	return all
}

var signs = []goidc.SignatureAlgorithm{"RS256", "PS256", "ES256", "EdDSA"}

func goOIDCCells() map[string]cell {
	const denied = "401 invalid_client"
	says := refusals{key: denied, audience: denied, expired: "ahead of this one", kid: denied, replay: 401}
	return map[string]cell{
		"basic_raw":             secretly("basic_raw", "basic", denied, denied),
		"post":                  secretly("post", "post", denied, denied),
		"client_secret_jwt":     secretSigning("secret", says),
		"private_key_jwt RS256": signing("RS256", "rsa", says),
		"private_key_jwt PS256": signing("PS256", "rsa", says),
		"private_key_jwt ES256": signing("ES256", "ec", says),
		"private_key_jwt EdDSA": signing("EdDSA", "ed", says),
		"tls, by authority":     mutually("pki", "pki", "/mtls/token", denied),
		"tls, self-signed":      mutually("self", "ec", "/mtls/token", denied),
		"client_credentials":    grants("basic_raw", "400 invalid_scope"),
	}
}

const byKey = "provider: client_credentials, client_id: ES256, client_auth: private_key_jwt, client_key_id: ec, client_key: '${file:ec.key}', "

func TestGoOIDCIsDiscovered(t *testing.T) {
	w := goOIDC(t, true)
	const mutual = "provider: client_credentials, issuer: BASE, client_auth: tls, client_id: self, "
	const secretly = "provider: client_credentials, client_id: basic, client_auth: basic_raw, client_secret: '${file:secret}', "
	for name, c := range map[string]struct{ keys, want string }{
		"its endpoint":                {keys: secretly + "issuer: BASE"},
		"its endpoint, as audience":   {keys: byKey + "issuer: BASE"},
		"its name, as audience":       {keys: byKey + "issuer: BASE, assertion_audience: issuer"},
		"its endpoint for mutual TLS": {keys: mutual + "tls: {ca_file: ca.pem, cert_file: ec.pem, key_file: ec.key}"},
		"a key and its certificate":   {keys: byKey + "issuer: BASE, client_certificate: '${file:ec.pem}'"},
		"another issuer's name":       {secretly + "issuer: BASE/", "the metadata is of issuer"},
	} {
		t.Run(name, func(t *testing.T) { check(t, w.node(t, c.keys), c.want) })
	}
}
