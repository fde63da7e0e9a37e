package provider

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tokend/messages"
)

// Grant is what all OAuth grants have in common: where to ask, who asks and how
// that is proved, and for what. Its functions are called at every acquisition;
// their errors are shown, so their texts must not hold what is secret.
type Grant struct {
	Endpoint

	TokenURL string // empty: what the issuer's metadata say
	Issuer   string // identifier of the authorization server (RFC 8414, section 2)
	ClientID string
	// ClientSecret is needed by AuthBasic, AuthBasicRaw, AuthPost and
	// AuthSecretJWT.
	ClientSecret func() (Text, error)
	Auth         string // one of the Auth constants; empty: AuthBasic

	// What AuthKeyJWT needs, and other assertions in part. Key and Certificate are
	// also called once by the constructor, which checks them.
	Key               func() (Text, error) // private key, as PEM or JWK
	KeyID             string               // kid; empty: that of the JWK, if it has one
	Certificate       func() (Text, error) // PEM; may be nil
	Algorithm         string               // of the signature; empty: what suits the key
	AssertionAudience string               // AudienceIssuer, AudienceTokenURL or a literal; empty: AudienceTokenURL

	Type     string   // how the tokens are sent, such as Bearer; empty: as the server says, or Bearer
	Scopes   []string // sent as scope, if any
	Audience string   // sent as audience, if not empty
	Resource []string // sent as resource, repeated (RFC 8707, section 2)
	// Details returns what is sent as authorization_details (RFC 9396). All of it
	// counts as secret. May be nil.
	Details func() (Document, error)
	// Params returns what is sent besides, in place of a parameter of the same
	// name. All of it counts as secret. May be nil.
	Params func() (map[string]Text, error)
	Now    func() time.Time // the clock of assertions; nil: time.Now

	anonymous bool // no client needs to prove who it is
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

// Document is a value as encoding/json makes it.
type Document struct {
	Value any
	Parts []messages.Secret // what in it is secret by itself
}

// grant sends the token requests of one service.
type grant struct {
	Grant

	url       *url.URL   // token endpoint; nil: it is discovered
	discovery *discovery // nil: it is known
}

func newGrant(g Grant) (*grant, error) {
	var err error
	if g.Endpoint, err = g.withDefaults(); err != nil {
		return nil, err
	}
	if g.Auth == "" {
		g.Auth = AuthBasic
	}
	if g.AssertionAudience == "" {
		g.AssertionAudience = AudienceTokenURL
	}
	if g.Now == nil {
		g.Now = time.Now
	}
	if g.Type, err = declaredType(g.Type); err != nil {
		return nil, err
	}
	made := &grant{Grant: g}
	if err := made.findEndpoint(); err != nil {
		return nil, err
	}
	return made, made.checkClient()
}

// findEndpoint parses the token endpoint, or prepares to discover it.
func (g *grant) findEndpoint() (err error) {
	if g.TokenURL == "" && g.Issuer != "" {
		g.discovery, err = newDiscovery(&g.Grant)
		return err
	}
	if g.url, err = g.parse("token_url", g.TokenURL); err == nil && g.url.User != nil {
		return &KeyError{"token_url", "has a user in it: use client_id and client_secret"}
	}
	return err
}

// provider returns the Provider that acquires by the grant.
func (g *grant) provider(kind string, acquire func(context.Context, Request) (Result, error)) Provider {
	at := g.url
	if at == nil {
		at = g.discovery.places[0]
	}
	p := newHosted(kind, hostPort(at), acquire)
	p.auth = g.Auth
	if len(g.Scopes) == 0 {
		return p
	}
	return &scoped{*p, g.Scopes}
}

// setting names the key that says where the token endpoint is.
func (g *grant) setting() string {
	if g.discovery != nil {
		return "issuer"
	}
	return "token_url"
}

// endpoint returns the token endpoint.
func (g *grant) endpoint(ctx context.Context) (*url.URL, error) {
	if g.discovery != nil {
		return g.discovery.endpoint(ctx)
	}
	return g.url, nil
}

// inquiry is one token request and everything that must not come out of what is
// answered to it.
type inquiry struct {
	grant  *grant
	req    *Request
	to     *url.URL
	fill   filler
	own    []Text // secrets that the grant itself sends
	proof  proof
	extra  extras
	signed time.Time // iat of what was asserted; zero: nothing
}

// filler returns what the grant itself sends to an endpoint, and the secrets in
// it.
type filler func(to *url.URL) (form url.Values, own []Text, err error)

// with returns the filler of what is the same for every endpoint.
func with(form url.Values, own ...Text) filler {
	return func(*url.URL) (url.Values, []Text, error) { return form, own, nil }
}

// ask sends one token request and judges the answer.
func (g *grant) ask(ctx context.Context, req *Request, fill filler) (Result, members, error) {
	i := &inquiry{grant: g, req: req, fill: fill}
	a, err := i.send(ctx)
	if mayRepeat(ctx, err) {
		a, err = i.send(ctx) // with a proof of its own
	}
	if err != nil {
		g.doubt()
		return Result{}, members{}, err
	}
	res, m, err := a.oauthResult(g.setting(), i.hidden)
	if err == nil {
		err = res.declareFree(g.Type)
	}
	if err != nil {
		g.doubt()
		return res, m, i.checkClocks(a, err)
	}
	if _, other := i.extra.params["scope"]; res.Scopes == nil && !other {
		res.Scopes = slices.Clone(g.Scopes) // RFC 6749, section 5.1: those that were asked for
	}
	return res, m, nil
}

// doubt notes that a request failed, for which wrong metadata may be the reason.
func (g *grant) doubt() {
	if g.discovery != nil {
		g.discovery.forget()
	}
}

// send sends the request with a new proof.
func (i *inquiry) send(ctx context.Context) (*answer, error) {
	var err error
	if i.to, err = i.grant.endpoint(ctx); err != nil {
		return nil, err
	}
	if i.proof, err = i.grant.prove(i.to); err != nil {
		return nil, err
	}
	form, own, err := i.fill(i.to)
	if err != nil {
		return nil, err
	}
	i.own = own
	if i.extra, err = i.grant.extras(); err != nil {
		return nil, err
	}
	if form.Has("assertion") || i.proof.assertion != "" {
		i.signed = i.grant.Now()
	}
	req, err := i.request(ctx, i.complete(form))
	if err != nil {
		return nil, err
	}
	return i.grant.send(ctx, req)
}

// request builds a token request (RFC 6749, section 3.2).
func (i *inquiry) request(ctx context.Context, form url.Values) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.to.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, unreadyf("%s: no request can be made of it", i.grant.setting())
	}
	i.grant.authorize(req.Header, &i.proof)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return req, nil
}

// complete adds to form what all grants send. Params stand in place of that, but
// not of what proves who asks.
func (i *inquiry) complete(form url.Values) url.Values {
	g := i.grant
	if len(g.Scopes) > 0 && !form.Has("scope") {
		form.Set("scope", strings.Join(g.Scopes, " "))
	}
	if g.Audience != "" {
		form.Set("audience", g.Audience)
	}
	if len(g.Resource) > 0 {
		form["resource"] = g.Resource
	}
	i.extra.fill(form)
	g.identify(form, &i.proof)
	return form
}

// hidden returns what must not come out of an answer.
func (i *inquiry) hidden() *secrets {
	var hidden secrets
	i.proof.hide(i.grant.ClientID, &hidden)
	i.req.hide(&hidden)
	for _, secret := range i.own {
		hidden.add(secret.Reveal())
		secret.hide(&hidden)
	}
	i.extra.hide(&hidden)
	hideURL(&hidden, i.to)
	return &hidden
}
