package provider

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"tokend/messages"
)

// How a client says who it is at a token endpoint.
const (
	AuthBasic    = "basic"     // RFC 6749, section 2.3.1: form-encoded, then HTTP Basic
	AuthBasicRaw = "basic_raw" // HTTP Basic without the encoding, as some servers want it
	AuthPost     = "post"      // client_id and client_secret in the body
)

// ClientCredentials is the grant of RFC 6749, section 4.4, against any endpoint.
type ClientCredentials struct {
	Endpoint

	TokenURL string
	ClientID string
	// ClientSecret is called at every acquisition. Its error is shown, so its text
	// must not hold the secret.
	ClientSecret func() (Text, error)
	Auth         string   // one of the Auth constants; empty: AuthBasic
	Scopes       []string // sent as scope, if any
	Audience     string   // sent as audience, if not empty
	Resource     []string // sent as resource, repeated (RFC 8707, section 2)
	// Params returns what is sent besides, in place of a parameter of the same
	// name. All of it counts as secret. Called and bound as ClientSecret; may be
	// nil.
	Params func() (map[string]Text, error)
}

// Text is a secret text.
type Text struct {
	messages.Secret
	Parts []messages.Secret // what in it is secret by itself, if that is less than all of it
}

// hide makes the text's parts known to hidden.
func (t *Text) hide(hidden *secrets) {
	for _, part := range t.Parts {
		hidden.add(part.Reveal())
	}
}

// NewClientCredentials returns a Provider for c, which is [Hosted]. It
// neither reads a secret nor connects.
func NewClientCredentials(c ClientCredentials) (Provider, error) {
	var err error
	if c.Endpoint, err = c.withDefaults(); err != nil {
		return nil, err
	}
	if c.Auth == "" {
		c.Auth = AuthBasic
	}
	u, err := c.parse("token_url", c.TokenURL)
	if err != nil {
		return nil, err
	}
	if err := c.check(u); err != nil {
		return nil, err
	}
	p := &clientCredentials{c, u}
	return newHosted("client_credentials", hostPort(u), p.acquire), nil
}

func (c *ClientCredentials) check(u *url.URL) error {
	switch {
	case u.User != nil:
		return &KeyError{"token_url", "has a user in it: use client_id and client_secret"}
	case c.ClientID == "":
		return &KeyError{"client_id", "missing"}
	case c.ClientSecret == nil:
		return &KeyError{"client_secret", "missing"}
	case c.Auth != AuthBasic && c.Auth != AuthBasicRaw && c.Auth != AuthPost:
		return &KeyError{"client_auth", fmt.Sprintf("%q is none of %s, %s, %s", c.Auth, AuthBasic, AuthBasicRaw, AuthPost)}
	case c.Auth == AuthBasicRaw && strings.Contains(c.ClientID, ":"): // RFC 7617, section 2
		return &KeyError{"client_auth", "basic_raw cannot carry a client_id with a colon in it"}
	default:
		return nil
	}
}

type clientCredentials struct {
	ClientCredentials

	url *url.URL
}

// acquire sends one token request and judges the answer.
func (p *clientCredentials) acquire(ctx context.Context, req Request) (Result, error) {
	secret, params, err := p.secrets()
	if err != nil {
		return Result{}, err
	}
	httpReq, err := p.request(ctx, secret.Reveal(), params)
	if err != nil {
		return Result{}, err
	}
	a, err := p.send(ctx, httpReq)
	if err != nil {
		return Result{}, err
	}
	return a.oauthResult(func() *secrets { return p.hidden(&req, secret, params) })
}

// secrets reads them anew.
func (p *clientCredentials) secrets() (secret Text, params map[string]Text, err error) {
	if secret, err = p.ClientSecret(); err != nil {
		return Text{}, nil, unreadyf("client_secret: %s", err)
	}
	if secret.IsZero() {
		return Text{}, nil, unreadyf("client_secret: is empty")
	}
	if p.Params == nil {
		return secret, nil, nil
	}
	if params, err = p.Params(); err != nil {
		return Text{}, nil, unreadyf("params: %s", err)
	}
	return secret, params, nil
}

// request builds the token request of RFC 6749, section 4.4.2.
func (p *clientCredentials) request(ctx context.Context, secret string, params map[string]Text) (*http.Request, error) {
	form := p.form(params)
	if p.Auth == AuthPost {
		form.Set("client_id", p.ClientID)
		form.Set("client_secret", secret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, unreadyf("token_url: no request can be made of it")
	}
	switch p.Auth {
	case AuthBasic:
		req.SetBasicAuth(url.QueryEscape(p.ClientID), url.QueryEscape(secret))
	case AuthBasicRaw:
		req.SetBasicAuth(p.ClientID, secret)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return req, nil
}

func (p *clientCredentials) form(params map[string]Text) url.Values {
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(p.Scopes) > 0 {
		form.Set("scope", strings.Join(p.Scopes, " "))
	}
	if p.Audience != "" {
		form.Set("audience", p.Audience)
	}
	if len(p.Resource) > 0 {
		form["resource"] = p.Resource
	}
	for name, value := range params {
		form.Set(name, value.Reveal())
	}
	return form
}

// hidden returns what must not come out of an answer.
func (p *clientCredentials) hidden(req *Request, client Text, params map[string]Text) *secrets {
	var hidden secrets
	secret := client.Reveal()
	hidden.add(secret, p.ClientID+":"+secret, url.QueryEscape(p.ClientID)+":"+url.QueryEscape(secret))
	client.hide(&hidden)
	req.hide(&hidden)
	for _, value := range params {
		hidden.addLiteral(value.Reveal())
		value.hide(&hidden)
	}
	hideURL(&hidden, p.url)
	return &hidden
}
