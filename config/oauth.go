package config

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"
)

var (
	auths       = []string{AuthBasic, AuthBasicRaw, AuthPost, AuthNone, AuthSecretJWT, AuthKeyJWT, AuthTLS}
	secretAuths = []string{AuthBasic, AuthBasicRaw, AuthPost, AuthSecretJWT}
	keyAuths    = []string{AuthKeyJWT}
	jwtAuths    = []string{AuthSecretJWT, AuthKeyJWT}
)

var algorithms = map[string][]string{
	AuthSecretJWT: {"HS256", "HS384", "HS512"},
	AuthKeyJWT:    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"},
}

func (v *checker) refreshToken(path string, r *RefreshToken, s *Service) {
	v.oauth(path, &r.OAuth, s)
	v.need(join(path, "refresh_token"), r.RefreshToken)
	if k := r.KeepAlive; k != nil && *k != 0 && (*k < shortestKeepAlive || *k > longestSpan) {
		v.add(join(path, "keep_alive"), "must be 0s, or between 1m and 87600h")
	}
	if r.Fallback != nil {
		v.fallback(join(path, "fallback"), r.Fallback, s)
	}
}

// shortestKeepAlive keeps servers from being asked all the time for nothing.
const shortestKeepAlive = time.Minute

// fallbacks are the kinds that can start anew.
var fallbacks = []string{KindClientCredentials, KindPassword, KindJWTBearer, KindLogin}

func (v *checker) fallback(path string, f *Fallback, s *Service) {
	if !slices.Contains(fallbacks, f.Provider) {
		v.add(join(path, "provider"), "must be one of %s", strings.Join(fallbacks, ", "))
		return
	}
	v.kind(path, f.Service(s))
}

func (v *checker) password(path string, p *Password, s *Service) {
	v.oauth(path, &p.OAuth, s)
	if p.Username == "" {
		v.add(join(path, "username"), required)
	}
	v.need(join(path, "password"), p.Password)
}

// jwtBearer checks a grant whose client need not have a name. Whether the key says
// where the token endpoint is, who reads it knows.
func (v *checker) jwtBearer(path string, j *JWTBearer, s *Service) {
	if c := &j.OAuth; c.ClientID != "" || c.ClientAuth != "" && c.ClientAuth != AuthNone || !c.ClientSecret.IsZero() {
		v.client(path, c, s.TLS)
	} else {
		v.credentials(path, c, AuthNone)
		v.assertion(path, c, AuthNone)
	}
	v.endpoints(path, &j.OAuth, s.AllowHTTP)
	v.wishes(path, &j.OAuth)
	at, a := join(path, "assertion"), &j.Assertion
	v.need(join(at, "key"), a.Key)
	v.oneOf(join(at, "algorithm"), a.Algorithm, algorithms[AuthKeyJWT]...)
	if a.Audience == AudienceIssuer && j.OAuth.Issuer == "" {
		v.add(join(path, "issuer"), "required by assertion.audience issuer")
	}
}

// oauth checks what the other grants of OAuth have in common.
func (v *checker) oauth(path string, c *OAuth, s *Service) {
	if c.TokenURL == "" && c.Issuer == "" {
		v.add(join(path, "token_url"), "required, unless there is an issuer")
	}
	v.endpoints(path, c, s.AllowHTTP)
	v.client(path, c, s.TLS)
	v.wishes(path, c)
}

// endpoints checks where to ask.
func (v *checker) endpoints(path string, c *OAuth, allowHTTP bool) {
	if c.TokenURL != "" {
		v.endpoint(join(path, "token_url"), c.TokenURL, allowHTTP)
	}
	v.issuer(join(path, "issuer"), c.Issuer, allowHTTP)
}

// wishes checks what to ask for.
func (v *checker) wishes(path string, c *OAuth) {
	v.tokenType(join(path, "token_type"), c.TokenType)
	v.scopes(join(path, "scopes"), c.Scopes)
	for i, text := range c.Resource {
		v.resource(item(join(path, "resource"), i), text)
	}
	v.details(join(path, "authorization_details"), c.Details)
	v.secrets(join(path, "params"), c.Params)
}

// details checks authorization details as RFC 9396, section 2, defines them.
func (v *checker) details(path string, t Tree) {
	if t.IsZero() {
		return
	}
	value, _, found := t.expand(path)
	v.problems = append(v.problems, found...)
	if found != nil {
		return
	}
	list, ok := value.([]any)
	if !ok {
		v.add(path, "must be a list")
	}
	for i, entry := range list {
		m, _ := entry.(map[string]any)
		if kind, _ := m["type"].(string); kind == "" {
			v.add(item(path, i), "must be a map with a type")
		}
	}
}

// issuer checks an identifier as RFC 8414, section 2, defines it.
func (v *checker) issuer(path, text string, allowHTTP bool) {
	if text == "" {
		return
	}
	v.endpoint(path, text, allowHTTP)
	if strings.Contains(text, "?") {
		v.add(path, "must not have a query")
	}
}

// client checks how the client proves who it is.
func (v *checker) client(path string, c *OAuth, tls *TLS) {
	if c.ClientID == "" {
		v.add(join(path, "client_id"), required)
	}
	at, auth := join(path, "client_auth"), c.ClientAuth
	if auth == "" {
		auth = AuthBasic
	}
	v.oneOf(at, auth, auths...)
	if !slices.Contains(auths, auth) {
		return // what it would need is not known
	}
	if auth == AuthBasicRaw && strings.Contains(c.ClientID, ":") { // RFC 7617, section 2
		v.add(at, "basic_raw cannot carry a client_id with a colon in it")
	}
	if auth == AuthTLS && (tls == nil || tls.CertFile == "") {
		v.add(join(path, "tls.cert_file"), "required by client_auth tls")
	}
	for key, text := range map[string]string{"token_url": c.TokenURL, "issuer": c.Issuer} {
		if u, err := url.Parse(text); auth == AuthTLS && err == nil && u.Scheme == "http" {
			v.add(join(path, key), "must be https: without it client_auth tls shows no certificate")
		}
	}
	v.credentials(path, c, auth)
	v.assertion(path, c, auth)
}

// credentials checks that those are there that the client's way needs, and no
// others.
func (v *checker) credentials(path string, c *OAuth, auth string) {
	for key, k := range map[string]struct {
		secret Secret
		auths  []string
	}{"client_secret": {c.ClientSecret, secretAuths}, "client_key": {c.ClientKey, keyAuths}} {
		if slices.Contains(k.auths, auth) {
			v.need(join(path, key), k.secret)
		} else {
			v.unused(join(path, key), auth, !k.secret.IsZero(), k.auths)
		}
	}
	v.resolve(join(path, "client_certificate"), c.ClientCertificate)
	v.unused(join(path, "client_certificate"), auth, !c.ClientCertificate.IsZero(), keyAuths)
}

func (v *checker) assertion(path string, c *OAuth, auth string) {
	for key, text := range map[string]string{
		"client_key_id": c.ClientKeyID, "assertion_algorithm": c.AssertionAlgorithm, "assertion_audience": c.AssertionAudience,
	} {
		v.unused(join(path, key), auth, text != "", jwtAuths)
	}
	if allowed := algorithms[auth]; allowed != nil {
		v.oneOf(join(path, "assertion_algorithm"), c.AssertionAlgorithm, allowed...)
	}
	if auth == AuthSecretJWT {
		v.signingSecret(join(path, "client_secret"), c)
	}
	if c.AssertionAudience == AudienceIssuer && c.Issuer == "" {
		v.add(join(path, "issuer"), "required by assertion_audience issuer")
	}
}

// signingSecret checks that a secret is as long as RFC 7518, section 3.2, wants it.
func (v *checker) signingSecret(path string, c *OAuth) {
	algorithm := cmp.Or(c.AssertionAlgorithm, "HS256")
	least := map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}[algorithm]
	if text, ok := v.resolve(path, c.ClientSecret); ok && len(text) < least {
		v.add(path, "is shorter than the %d bytes that %s needs", least, algorithm)
	}
}

// unused reports a key that is set, though the client's way has no use for it.
func (v *checker) unused(path, auth string, set bool, users []string) {
	if set && !slices.Contains(users, auth) {
		v.add(path, "belongs to client_auth %s, not to %s", strings.Join(users, ", "), auth)
	}
}
