package provider

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Whom an assertion is for. Servers differ in what they accept, so a literal may
// stand in place of these.
const (
	AudienceIssuer   = "issuer"
	AudienceTokenURL = "token_url"
)

const (
	// assertionLife is how long an assertion is good for: it is used at once.
	assertionLife = time.Minute
	// assertionAge is how old an assertion is when it is made. Many servers refuse one
	// out of the future, and their clocks may be a little behind this one.
	assertionAge = 10 * time.Second
)

// The algorithms that may sign with a secret, and with a key.
var (
	secretAlgorithms = []string{"HS256", "HS384", "HS512"}
	keyAlgorithms    = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

// checkAssertion says what is wrong with how assertions are made. A key that
// cannot be used is better told at the start.
func (g *grant) checkAssertion() error {
	allowed := keyAlgorithms
	if g.Auth == AuthSecretJWT {
		allowed = secretAlgorithms
	}
	switch {
	case g.Algorithm != "" && !slices.Contains(allowed, g.Algorithm):
		return &KeyError{"assertion_algorithm", fmt.Sprintf("%q is none of %s", g.Algorithm, strings.Join(allowed, ", "))}
	case g.AssertionAudience == AudienceIssuer && g.Issuer == "":
		return &KeyError{"assertion_audience", "there is no issuer"}
	case g.Auth == AuthSecretJWT:
		return nil
	case g.Key == nil:
		return &KeyError{"client_key", "missing"}
	}
	if _, problem := g.keys().signer(); problem != nil {
		return problem
	}
	return nil
}

// keys returns how assertions about the client are signed with a key.
func (g *grant) keys() *signing {
	return &signing{
		key: g.Key, certificate: g.Certificate, id: g.KeyID, algorithm: g.Algorithm,
		keyName: "client_key", algorithmName: "assertion_algorithm",
	}
}

// assert returns a new assertion about the client for the endpoint at to.
func (g *grant) assert(secret Text, to *url.URL) (string, error) {
	s, problem := g.clientSigner(secret)
	if problem != nil {
		return "", unreadyf("%s", problem)
	}
	return s.sign(claims(g.ClientID, g.ClientID, audience(g.AssertionAudience, g.Issuer, to), g.Now()))
}

// claimSet is what an assertion says (RFC 7523, section 3). Its audience is a text,
// not a list of one, for not all servers take a list.
type claimSet struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub,omitempty"`
	Audience  string `json:"aud"`
	ID        string `json:"jti"`
	IssuedAt  int64  `json:"iat"`
	NotBefore int64  `json:"nbf"`
	Expiry    int64  `json:"exp"`
}

// claims returns a claimSet with an identifier of its own.
func claims(issuer, subject, audience string, now time.Time) claimSet {
	begins := now.Add(-assertionAge).Unix()
	return claimSet{
		Issuer: issuer, Subject: subject, Audience: audience, ID: rand.Text(),
		IssuedAt: begins, NotBefore: begins, Expiry: now.Add(assertionLife).Unix(),
	}
}

// audience returns whom an assertion for the endpoint at to is for.
func audience(wish, issuer string, to *url.URL) string {
	switch wish {
	case AudienceIssuer:
		return issuer
	case AudienceTokenURL, "":
		return to.String()
	default:
		return wish
	}
}

// clientSigner returns what signs assertions about the client.
func (g *grant) clientSigner(secret Text) (*signer, *KeyError) {
	if g.Auth == AuthKeyJWT {
		return g.keys().signer()
	}
	algorithm := g.Algorithm
	if algorithm == "" {
		algorithm = secretAlgorithms[0]
	}
	key := []byte(secret.Reveal())
	if least := hashSize(algorithm); len(key) < least { // RFC 7518, section 3.2
		return nil, &KeyError{"client_secret", fmt.Sprintf("is shorter than the %d bytes that %s needs", least, algorithm)}
	}
	return &signer{key: key, algorithm: algorithm, id: g.KeyID}, nil
}

func hashSize(algorithm string) int {
	return map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}[algorithm]
}

// signer signs JWTs.
type signer struct {
	key        any
	algorithm  string
	id         string // kid; empty: none
	thumbprint string // x5t#S256; empty: none
}

func (s *signer) sign(claims ...any) (string, error) {
	options := (&jose.SignerOptions{}).WithType("JWT")
	if s.id != "" {
		options.WithHeader("kid", s.id)
	}
	if s.thumbprint != "" {
		options.WithHeader("x5t#S256", s.thumbprint)
	}
	by, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(s.algorithm), Key: s.key}, options)
	if err != nil {
		return "", unreadyf("no assertion can be signed with %s and this key", s.algorithm)
	}
	b := jwt.Signed(by)
	for _, some := range claims {
		b = b.Claims(some)
	}
	text, err := b.Serialize()
	if err != nil {
		return "", unreadyf("no assertion can be signed with %s and this key", s.algorithm)
	}
	return text, nil
}
