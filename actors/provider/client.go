package provider

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// How a client says who it is at a token endpoint.
const (
	AuthBasic     = "basic"             // RFC 6749, section 2.3.1: form-encoded, then HTTP Basic
	AuthBasicRaw  = "basic_raw"         // HTTP Basic without the encoding, as some servers want it
	AuthPost      = "post"              // client_id and client_secret in the body
	AuthNone      = "none"              // client_id alone
	AuthSecretJWT = "client_secret_jwt" // an assertion signed with the secret (RFC 7523, section 2.2)
	AuthKeyJWT    = "private_key_jwt"   // an assertion signed with the key
	AuthTLS       = "tls"               // the certificate of the connection (RFC 8705, section 2)
)

var auths = []string{AuthBasic, AuthBasicRaw, AuthPost, AuthNone, AuthSecretJWT, AuthKeyJWT, AuthTLS}

// checkClient says what is wrong with how the client proves who it is.
func (g *grant) checkClient() error {
	switch {
	case g.ClientID == "" && g.anonymous:
		g.Auth = AuthNone
		return nil
	case g.ClientID == "":
		return &KeyError{"client_id", "missing"}
	case !slices.Contains(auths, g.Auth):
		return &KeyError{"client_auth", fmt.Sprintf("%q is none of %s", g.Auth, strings.Join(auths, ", "))}
	case g.needsSecret() && g.ClientSecret == nil:
		return &KeyError{"client_secret", "missing"}
	case g.Auth == AuthBasicRaw && strings.Contains(g.ClientID, ":"): // RFC 7617, section 2
		return &KeyError{"client_auth", "basic_raw cannot carry a client_id with a colon in it"}
	case g.Auth == AuthTLS:
		return g.checkTLS()
	case g.asserts():
		return g.checkAssertion()
	default:
		return nil
	}
}

func (g *grant) checkTLS() error {
	switch {
	case g.TLS.CertFile == "":
		return &KeyError{"tls.cert_file", "missing: client_auth tls shows a certificate"}
	case g.url != nil && g.url.Scheme != "https":
		return &KeyError{"token_url", "not https://, without which client_auth tls shows no certificate"}
	default:
		return nil
	}
}

// needsSecret reports whether the client proves who it is by its secret.
func (g *grant) needsSecret() bool {
	return slices.Contains([]string{AuthBasic, AuthBasicRaw, AuthPost, AuthSecretJWT}, g.Auth)
}

// asserts reports whether the client proves who it is by an assertion.
func (g *grant) asserts() bool { return g.Auth == AuthSecretJWT || g.Auth == AuthKeyJWT }

// proof is how the client proves who it is in one request.
type proof struct {
	secret    Text
	assertion string
}

// prove reads the secret or the key anew and makes a proof for the endpoint at to.
// It serves for one request: an endpoint refuses an assertion that it has seen.
func (g *grant) prove(to *url.URL) (proof, error) {
	var p proof
	var err error
	if g.needsSecret() {
		if p.secret, err = read("client_secret", g.ClientSecret); err != nil {
			return proof{}, err
		}
	}
	if g.asserts() {
		p.assertion, err = g.assert(p.secret, to)
	}
	return p, err
}

// read calls what returns a secret text. Its error is *unready and names key.
func read(key string, secret func() (Text, error)) (Text, error) {
	text, err := secret()
	switch {
	case err != nil:
		return Text{}, unreadyf("%s: %s", key, err)
	case text.IsZero():
		return Text{}, unreadyf("%s: is empty", key)
	default:
		return text, nil
	}
}

// authorize sets the header by which some clients prove who they are.
func (g *grant) authorize(header http.Header, p *proof) {
	basic := &http.Request{Header: header}
	switch secret := p.secret.Reveal(); g.Auth {
	case AuthBasic:
		basic.SetBasicAuth(url.QueryEscape(g.ClientID), url.QueryEscape(secret))
	case AuthBasicRaw:
		basic.SetBasicAuth(g.ClientID, secret)
	}
}

// assertionType is what names an assertion that is a JWT (RFC 7523, section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// identify sets the fields by which the other clients do. With an assertion, a
// client_id is optional (RFC 7521, section 4.2), but some servers want it.
func (g *grant) identify(form url.Values, p *proof) {
	switch g.Auth {
	case AuthBasic, AuthBasicRaw:
		return
	case AuthPost:
		form.Set("client_secret", p.secret.Reveal())
	case AuthSecretJWT, AuthKeyJWT:
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", p.assertion)
	}
	if g.ClientID != "" {
		form.Set("client_id", g.ClientID)
	}
}

// hide makes what the proof holds known to hidden.
func (p *proof) hide(clientID string, hidden *secrets) {
	if secret := p.secret.Reveal(); secret != "" {
		hidden.add(secret, clientID+":"+secret, url.QueryEscape(clientID)+":"+url.QueryEscape(secret))
		p.secret.hide(hidden)
	}
	hidden.add(p.assertion)
}
