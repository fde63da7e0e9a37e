package provider

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"tokend/messages"
)

const (
	metadataLife  = time.Hour      // how long metadata count before they are read again
	metadataTrust = 24 * time.Hour // and how long if they cannot be
)

// Where an authorization server keeps its metadata: RFC 8414, section 3, and
// OpenID Connect Discovery 1.0, section 4.
const (
	oauthMetadata  = "/.well-known/oauth-authorization-server"
	openIDMetadata = "/.well-known/openid-configuration"
)

// discovery finds the token endpoint of an authorization server by its metadata.
// It is not for concurrent use, as providers are not.
type discovery struct {
	Endpoint

	issuer string
	places []*url.URL // where the metadata may be, in the order of asking
	mutual bool       // the endpoint for clients that show a certificate is preferred
	now    func() time.Time

	found *url.URL  // nil: not known
	at    time.Time // when it was
	stale bool      // it is to be found again
}

// newDiscovery connects to nothing.
func newDiscovery(g *Grant) (*discovery, error) {
	u, err := g.parse("issuer", g.Issuer)
	switch {
	case err != nil:
		return nil, err
	case u.User != nil:
		return nil, &KeyError{"issuer", "has a user in it"}
	case u.RawQuery != "" || u.ForceQuery: // RFC 8414, section 2
		return nil, &KeyError{"issuer", "has a query"}
	}
	return &discovery{
		Endpoint: g.Endpoint, issuer: g.Issuer, mutual: g.Auth == AuthTLS, now: g.Now,
		places: []*url.URL{wellKnown(u, oauthMetadata, ""), wellKnown(u, "", openIDMetadata)},
	}, nil
}

// wellKnown returns the issuer's URL with something before its path and after it.
func wellKnown(issuer *url.URL, before, after string) *url.URL {
	u := *issuer
	u.Path = before + strings.TrimSuffix(issuer.Path, "/") + after
	u.RawPath = ""
	if issuer.RawPath != "" {
		u.RawPath = before + strings.TrimSuffix(issuer.RawPath, "/") + after
	}
	return &u
}

// endpoint returns the token endpoint. It reads the metadata if it has none that
// count. What they said last counts on while they cannot be read: an issuer that is
// in trouble with them may well give out tokens.
func (d *discovery) endpoint(ctx context.Context) (*url.URL, error) {
	age := d.now().Sub(d.at)
	if d.found != nil && !d.stale && age < metadataLife {
		return d.found, nil
	}
	trusted := d.found != nil && age < metadataTrust
	brief, cancel := ctx, context.CancelFunc(func() {})
	if trusted {
		brief, cancel = leaving(ctx, 2)
	}
	defer cancel()
	a, err := d.read(brief)
	if err != nil {
		if trusted && ctx.Err() == nil {
			return d.found, nil
		}
		return nil, err
	}
	found, err := d.judge(a)
	if err != nil {
		d.found = nil
		return nil, err
	}
	d.found, d.at, d.stale = found, d.now(), false
	return found, nil
}

// forget has the metadata read again: what they said may be why a request failed.
func (d *discovery) forget() { d.stale = true }

// read asks one place after the other until one has something that may be
// metadata, or the server is in trouble: some answer with a page instead of 404.
func (d *discovery) read(ctx context.Context) (a *answer, err error) {
	for _, place := range d.places {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, place.String(), nil)
		if err != nil {
			return nil, unreadyf("issuer: no request can be made of it")
		}
		req.Header.Set("Accept", "application/json")
		if a, err = d.insist(ctx, req); err != nil {
			return nil, Classify(err) // told apart from a token request that got no answer
		}
		_, unreadable := a.json("issuer")
		if success(a.status) && unreadable == nil || a.status >= 500 || a.status == http.StatusTooManyRequests {
			break
		}
	}
	if !success(a.status) {
		return nil, noMetadata(a)
	}
	_, err = a.json("issuer")
	return a, err
}

// noMetadata says that there is none. Whatever the status, no credentials were
// refused, for none were shown.
func noMetadata(a *answer) error {
	e := a.refuse("issuer", &saying{}, new(secrets)).failure()
	if e.Class == messages.ClassRejected {
		e.Class = messages.ClassTransient
	}
	e.Text = "no metadata of the issuer: " + e.Text
	return e
}

// another says whose metadata those of another issuer are, and what to do if nothing
// but the slash at the end is another.
func (d *discovery) another(issuer gjson.Result) error {
	said := new(secrets).show(issuer.String(), maxDescription)
	if issuer.Type == gjson.String && strings.TrimRight(issuer.Str, "/") == strings.TrimRight(d.issuer, "/") {
		if strings.HasSuffix(issuer.Str, "/") {
			return otherIssuer(said, "with a slash at its end: set issuer to exactly that")
		}
		return otherIssuer(said, "without a slash at its end: set issuer to exactly that")
	}
	return otherIssuer(said, "which is not exactly the one that is set")
}

func otherIssuer(said, how string) error {
	return &unusable{text: fmt.Sprintf("the metadata is of issuer %q, %s", said, how), reason: ReasonIssuer}
}

// judge takes the token endpoint out of metadata. These count only if they are of
// the very issuer that was asked (RFC 8414, section 3.3): else they might lead
// the client's secret to somebody else.
func (d *discovery) judge(a *answer) (*url.URL, error) {
	m, err := a.json("issuer")
	if err != nil {
		return nil, err
	}
	if issuer := m.Get("issuer"); issuer.Type != gjson.String || issuer.Str != d.issuer {
		return nil, d.another(issuer)
	}
	address := m.Get("token_endpoint")
	if alias := m.Get("mtls_endpoint_aliases.token_endpoint"); d.mutual && alias.Exists() { // RFC 8705, section 5
		address = alias
	}
	u, err := d.parse("token_endpoint", address.Str)
	if err != nil {
		return nil, unusablef("metadata of the issuer: %s", err)
	}
	switch {
	case u.User != nil:
		return nil, unusablef("metadata of the issuer: token_endpoint: has a user in it")
	case u.Scheme == "https":
		return u, nil
	case d.mutual:
		return nil, unusablef("metadata of the issuer: token_endpoint: is not https://, without which client_auth tls shows no certificate")
	case a.url.Scheme == "https" && !d.AllowHTTP: // also on this machine, where another user may listen
		return nil, unusablef("metadata of the issuer: token_endpoint: is http://, though the issuer is https://: set allow_http if that is meant")
	default:
		return u, nil
	}
}
