package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"tokend/messages"
)

// JWTBearer is the grant of RFC 7523, section 2.1: an assertion signed with a key
// stands for whom the token is to be. The client need not prove who it is.
type JWTBearer struct {
	Grant

	Assertion Assertion
}

// Assertion says what a [JWTBearer] asserts.
type Assertion struct {
	// Key returns the private key: as PEM, as JWK, or in the file that Google makes
	// for a service account. It is called at every acquisition, and once by
	// NewJWTBearer, which checks it.
	Key       func() (Text, error)
	KeyID     string // kid; empty: that of JWK or file, if it has one
	Algorithm string // empty: what suits the key
	Issuer    string // iss; empty: that of the file, else the client
	Subject   string // sub; empty: the issuer, but none with a file
	Audience  string // AudienceIssuer, AudienceTokenURL or a literal; empty: AudienceTokenURL
}

// jwtBearerGrant names the grant (RFC 7523, section 2.1).
const jwtBearerGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// account is what counts of the file that Google makes for a service account.
type account struct {
	Type     string `json:"type"`
	KeyID    string `json:"private_key_id"`
	Key      string `json:"private_key"`
	Email    string `json:"client_email"`
	TokenURL string `json:"token_uri"`
}

// parseAccount reports whether text is such a file.
func parseAccount(text string) (account, bool) {
	var a account
	err := json.Unmarshal([]byte(text), &a)
	return a, err == nil && a.Type == "service_account"
}

// NewJWTBearer returns a Provider for j, which is [Hosted]; see
// [NewClientCredentials]. Without TokenURL and Issuer, the endpoint is the one
// that the file of a service account names now.
func NewJWTBearer(j JWTBearer) (Provider, error) {
	if j.Assertion.Key == nil {
		return nil, &KeyError{"assertion.key", "missing"}
	}
	p := &jwtBearer{Assertion: j.Assertion}
	_, of, err := p.read()
	if err != nil {
		return nil, err
	}
	if j.TokenURL == "" && j.Grant.Issuer == "" {
		j.TokenURL = of.TokenURL
	}
	j.anonymous = j.Auth == "" || j.Auth == AuthNone
	if p.grant, err = newGrant(j.Grant); err != nil {
		return nil, err
	}
	if err := p.check(of); err != nil {
		return nil, err
	}
	return p.grant.provider("jwt_bearer", p.acquire), nil
}

type jwtBearer struct {
	Assertion

	grant *grant
}

func (p *jwtBearer) check(of account) error {
	switch {
	case p.Audience == AudienceIssuer && p.grant.Issuer == "":
		return &KeyError{"assertion.audience", "there is no issuer"}
	case p.issuer(of) == "":
		return &KeyError{"assertion.issuer", "missing"}
	default:
		return nil
	}
}

func (p *jwtBearer) issuer(of account) string {
	return cmp.Or(p.Issuer, of.Email, p.grant.ClientID)
}

// read reads the key anew, and what else is in its file.
func (p *jwtBearer) read() (*signer, account, error) {
	text, err := p.Key()
	if err != nil {
		return nil, account{}, &KeyError{"assertion.key", err.Error()}
	}
	keys := &signing{
		key: func() (Text, error) { return text, nil }, id: p.KeyID, algorithm: p.Algorithm,
		keyName: "assertion.key", algorithmName: "assertion.algorithm",
	}
	s, problem := keys.signer()
	if problem != nil {
		return nil, account{}, problem
	}
	of, _ := parseAccount(text.Reveal())
	return s, of, nil
}

// acquire sends one token request. A refresh token is ignored: the key is at
// hand, and cannot get lost.
func (p *jwtBearer) acquire(ctx context.Context, req Request) (Result, error) {
	res, _, err := p.grant.ask(ctx, &req, p.fill)
	return res, err
}

// fill makes a new assertion for the endpoint. Google takes scopes from it, and
// has a subject in it only of accounts that act for others.
func (p *jwtBearer) fill(to *url.URL) (url.Values, []Text, error) {
	s, of, err := p.read()
	if err != nil {
		return nil, nil, unreadyf("%s", err)
	}
	form := url.Values{"grant_type": {jwtBearerGrant}}
	issuer, subject, more := p.issuer(of), p.Subject, map[string]any{}
	switch {
	case of.Type == "":
		subject = cmp.Or(subject, issuer)
	case len(p.grant.Scopes) > 0:
		more["scope"], form["scope"] = strings.Join(p.grant.Scopes, " "), nil
	}
	assertion, err := s.sign(claims(issuer, subject, audience(p.Audience, p.grant.Issuer, to), p.grant.Now()), more)
	form.Set("assertion", assertion)
	return form, []Text{{Secret: messages.NewSecret(assertion)}}, err
}
