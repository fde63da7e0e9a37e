package provider

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"tokend/actors/local"
	"tokend/messages"
)

// theRSAKey takes long to make, so that all tests share one.
var theRSAKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func armored(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return armored("PRIVATE KEY", der)
}

func sec1(t testing.TB, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return armored("EC PRIVATE KEY", der)
}

func asJWK(t testing.TB, key any, id, algorithm string) string {
	t.Helper()
	text, err := (&jose.JSONWebKey{Key: key, KeyID: id, Algorithm: algorithm}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// asserting returns settings of a client that proves who it is by a key.
func asserting(t testing.TB, url, key string) ClientCredentials {
	t.Helper()
	c := client(t, url)
	c.Auth, c.ClientSecret, c.Key = AuthKeyJWT, nil, hush(key)
	return c
}

// asserted parses the assertion of a request.
func asserted(t *testing.T, form url.Values, public any) (jose.Header, claimSet) {
	t.Helper()
	var all []jose.SignatureAlgorithm
	for _, name := range append(keyAlgorithms, secretAlgorithms...) {
		all = append(all, jose.SignatureAlgorithm(name))
	}
	parsed, err := jwt.ParseSigned(form.Get("client_assertion"), all)
	if err != nil {
		t.Fatal(err)
	}
	var claims claimSet
	if err := parsed.Claims(public, &claims); err != nil {
		t.Fatal(err)
	}
	wantTimes(t, claims)
	return parsed.Headers[0], claims
}

// wantTimes checks that an assertion began 10 s ago and is good for a minute from
// now, whatever now is.
func wantTimes(t *testing.T, c claimSet) {
	t.Helper()
	if c.Expiry-c.IssuedAt != 70 || c.NotBefore != c.IssuedAt {
		t.Errorf("an assertion of %d is valid from %d to %d", c.IssuedAt, c.NotBefore, c.Expiry)
	}
}

func TestAssertionsAreSignedWithWhatSuitsTheKey(t *testing.T) {
	p256, p384, p521, ed := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P521()), edKey(t)
	anRSA := theRSAKey()
	cases := map[string]struct {
		key       string
		public    crypto.PublicKey
		algorithm string // asked for
		keyID     string // asked for
		want, kid string
	}{
		"RSA":                        {pkcs8(t, anRSA), anRSA.Public(), "", "", "RS256", ""},
		"RSA in PKCS 1":              {armored("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(anRSA)), anRSA.Public(), "", "", "RS256", ""},
		"RSA with PS256":             {pkcs8(t, anRSA), anRSA.Public(), "PS256", "", "PS256", ""},
		"RSA with RS512":             {pkcs8(t, anRSA), anRSA.Public(), "RS512", "", "RS512", ""},
		"P-256":                      {pkcs8(t, p256), p256.Public(), "", "one", "ES256", "one"},
		"P-256 in SEC 1":             {sec1(t, p256), p256.Public(), "", "", "ES256", ""},
		"P-256 behind a certificate": {armored("CERTIFICATE", []byte("x")) + sec1(t, p256), p256.Public(), "", "", "ES256", ""},
		"P-384":                      {pkcs8(t, p384), p384.Public(), "ES384", "", "ES384", ""},
		"P-521":                      {pkcs8(t, p521), p521.Public(), "", "", "ES512", ""},
		"Ed25519":                    {pkcs8(t, ed), ed.Public(), "", "", "EdDSA", ""},
		"a JWK":                      {asJWK(t, anRSA, "two", "PS384"), anRSA.Public(), "", "", "PS384", "two"},
		"a JWK and other wishes":     {" " + asJWK(t, anRSA, "two", "PS384"), anRSA.Public(), "RS384", "three", "RS384", "three"},
		"a JWK with Ed25519":         {asJWK(t, ed, "", ""), ed.Public(), "", "", "EdDSA", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			handler, requests := record(t)
			settings := asserting(t, serve(t, handler).URL+"/token", c.key)
			settings.Algorithm, settings.KeyID = c.algorithm, c.keyID
			acquire(t, mustClient(t, settings))
			header, _ := asserted(t, (<-requests).form, c.public)
			if header.Algorithm != c.want || header.KeyID != c.kid {
				t.Errorf("signed with %s, kid %q", header.Algorithm, header.KeyID)
			}
		})
	}
}

func TestAnAssertionSaysWhoAsksWhom(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key := ecKey(t, elliptic.P256())
	for name, c := range map[string]struct {
		audience string
		want     func(url string) string
	}{
		"by default the endpoint": {"", func(url string) string { return url }},
		"the endpoint":            {AudienceTokenURL, func(url string) string { return url }},
		"the issuer":              {AudienceIssuer, func(string) string { return "https://idp.example" }},
		"a literal":               {"urn:idp", func(string) string { return "urn:idp" }},
	} {
		t.Run(name, func(t *testing.T) {
			handler, requests := record(t)
			settings := asserting(t, serve(t, handler).URL+"/token", pkcs8(t, key))
			settings.AssertionAudience, settings.Issuer = c.audience, "https://idp.example"
			settings.Now = func() time.Time { return now }
			acquire(t, mustClient(t, settings))
			form := (<-requests).form
			_, got := asserted(t, form, key.Public())
			want := claimSet{
				Issuer: "probe", Subject: "probe", Audience: c.want(settings.TokenURL), ID: got.ID,
				IssuedAt: now.Unix() - 10, NotBefore: now.Unix() - 10, Expiry: now.Unix() + 60,
			}
			if diff := cmp.Diff(want, got); diff != "" || len(got.ID) < 20 {
				t.Errorf("%s jti %q", diff, got.ID)
			}
			if form.Get("client_assertion_type") != assertionType || form.Get("client_id") != "probe" || form.Has("client_secret") {
				t.Errorf("got %v", form)
			}
		})
	}
}

func TestEveryTryHasAnAssertionOfItsOwn(t *testing.T) {
	handler, requests := record(t)
	key := ecKey(t, elliptic.P256())
	p := mustClient(t, asserting(t, serve(t, handler).URL, pkcs8(t, key)))
	acquire(t, p)
	acquire(t, p)
	_, first := asserted(t, (<-requests).form, key.Public())
	if _, second := asserted(t, (<-requests).form, key.Public()); first.ID == second.ID {
		t.Error("one jti twice")
	}
}

func TestASecretSigns(t *testing.T) {
	long := strings.Repeat("s", 64)
	for _, algorithm := range append([]string{""}, secretAlgorithms...) {
		handler, requests := record(t)
		settings := client(t, serve(t, handler).URL)
		settings.Auth, settings.ClientSecret, settings.Algorithm = AuthSecretJWT, hush(long), algorithm
		acquire(t, mustClient(t, settings))
		header, _ := asserted(t, (<-requests).form, []byte(long))
		if want := max(algorithm, "HS256"); header.Algorithm != want {
			t.Errorf("signed with %s, want %s", header.Algorithm, want)
		}
	}
	settings := client(t, "https://127.0.0.1:1/")
	settings.Auth = AuthSecretJWT
	wantFailure(t, failure(t, mustClient(t, settings)), messages.ClassTransient, "client_secret: is shorter than the 32 bytes that HS256 needs")
}

func TestACertificateIsNamedByItsThumbprint(t *testing.T) {
	ca := newAuthority(t)
	pair, certFile, _ := ca.issue(t, hour())
	certificate, err := local.ReadFile(certFile, maxPEM)
	if err != nil {
		t.Fatal(err)
	}
	handler, requests := record(t)
	settings := asserting(t, serve(t, handler).URL, pkcs8(t, pair.PrivateKey))
	settings.Certificate = hush("junk before it\n" + string(certificate))
	acquire(t, mustClient(t, settings))
	header, _ := asserted(t, (<-requests).form, pair.PrivateKey.(crypto.Signer).Public())
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if got := header.ExtraHeaders["x5t#S256"]; err != nil || got != thumbprint(cert) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestKeysThatCannotSign(t *testing.T) {
	p224, p256 := ecKey(t, elliptic.P224()), ecKey(t, elliptic.P256())
	_, certFile, _ := newAuthority(t).issue(t, hour())
	certificate, err := local.ReadFile(certFile, maxPEM)
	if err != nil {
		t.Fatal(err)
	}
	good := pkcs8(t, p256)
	cases := map[string]struct {
		change func(*ClientCredentials)
		want   string
	}{
		"no key":                  {func(c *ClientCredentials) { c.Key = nil }, "client_key: missing"},
		"a key that is not there": {func(c *ClientCredentials) { c.Key = func() (Text, error) { return Text{}, errors.New("gone") } }, "client_key: gone"},
		"something else":          {func(c *ClientCredentials) { c.Key = hush("canary") }, "client_key: " + errNoKey.Error()},
		"JSON of something else":  {func(c *ClientCredentials) { c.Key = hush(`{"kty":"canary"}`) }, "client_key: " + errNoKey.Error()},
		"a public JWK":            {func(c *ClientCredentials) { c.Key = hush(asJWK(t, p256.Public(), "", "")) }, "client_key: " + errKeyKind.Error()},
		"a symmetric JWK":         {func(c *ClientCredentials) { c.Key = hush(`{"kty":"oct","k":"Y2FuYXJ5"}`) }, "client_key: " + errKeyKind.Error()},
		"a certificate alone":     {func(c *ClientCredentials) { c.Key = hush(string(certificate)) }, "client_key: " + errNoKey.Error()},
		"an encrypted key":        {func(c *ClientCredentials) { c.Key = hush(armored("ENCRYPTED PRIVATE KEY", []byte("canary"))) }, "client_key: " + errEncrypted.Error()},
		"a damaged key":           {func(c *ClientCredentials) { c.Key = hush(armored("PRIVATE KEY", []byte("canary"))) }, "client_key: " + errKeyKind.Error()},
		"a curve of no algorithm": {func(c *ClientCredentials) { c.Key = hush(sec1(t, p224)) }, "client_key: " + errKeyKind.Error()},
		"an algorithm of a secret": {
			func(c *ClientCredentials) { c.Algorithm = "HS256" },
			`assertion_algorithm: "HS256" is none of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA`,
		},
		"an algorithm of other keys": {func(c *ClientCredentials) { c.Algorithm = "RS256" }, "assertion_algorithm: RS256 does not suit the key, ES256 would"},
		"no issuer":                  {func(c *ClientCredentials) { c.AssertionAudience = AudienceIssuer }, "assertion_audience: there is no issuer"},
		"no certificate":             {func(c *ClientCredentials) { c.Certificate = hush("canary") }, "client_certificate: " + errNoCert.Error()},
		"a damaged certificate":      {func(c *ClientCredentials) { c.Certificate = hush(armored("CERTIFICATE", []byte("canary"))) }, "client_certificate: " + errNoCert.Error()},
		"a certificate of another key": {
			func(c *ClientCredentials) { c.Certificate = hush(string(certificate)) }, "client_certificate: is not one of client_key",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			settings := asserting(t, "https://idp.example/token", good)
			c.change(&settings)
			p, err := NewClientCredentials(settings)
			if err == nil || err.Error() != c.want || p != nil {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestAKeyThatIsBrokenLaterIsNotSent(t *testing.T) {
	settings := asserting(t, "https://127.0.0.1:1/", pkcs8(t, ecKey(t, elliptic.P256())))
	good := settings.Key
	next := good
	settings.Key = func() (Text, error) { return next() }
	p := mustClient(t, settings)
	next = hush("half a ke")
	wantFailure(t, failure(t, p), messages.ClassTransient, "client_key: "+errNoKey.Error())
}

func TestAShortRSAKeyIsRefused(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseKey(pkcs8(t, key)); !errors.Is(err, errShortRSA) {
		t.Errorf("got %v", err)
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(pkcs8(f, ecKey(f, elliptic.P256())))
	f.Add(asJWK(f, edKey(f), "id", ""))
	f.Add(armored("CERTIFICATE", nil) + armored("EC PRIVATE KEY", []byte{1}))
	f.Fuzz(func(t *testing.T, text string) {
		key, err := parseKey(text)
		if err == nil && (key.Signer == nil || suitedTo(key.Public()) == nil) {
			t.Errorf("no algorithm signs with %T", key.Signer)
		}
		if cert, err := parseCertificate(text); err == nil && cert == nil {
			t.Error("neither a certificate nor an error")
		}
	})
}
