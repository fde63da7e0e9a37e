package system

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"tokend/messages"
)

// Transport returns a RoundTripper that adds the service's token to every
// request and sends it with base, [http.DefaultTransport] if nil. The token goes
// into the Authorization header, or where the service's [config.Inject] says, in
// place of what stands there.
//
// The token goes only to the service's hosts, if any are configured, and only
// over https or to loopback: another request fails with [messages.ErrDenied]. A
// redirect that leads there, or away from the origin when no hosts are
// configured, is followed without the token.
//
// When the answer is 401 the token is invalidated, and if another one comes of
// that and the body can be sent again (see [http.Request.GetBody]), the request
// is sent once more.
func (s *System) Transport(service string, base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{system: s, service: service, base: base}
}

type transport struct {
	system  *System
	service string
	base    http.RoundTripper
}

// RoundTrip sends the request with the service's token. It does not change req.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	allowed, err := t.allowed(req)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	if !allowed {
		return t.send(req, req)
	}
	tok, err := t.system.Token(req.Context(), t.service)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	in := t.system.placementOf(t.service)
	resp, err := t.sendWith(in, tok, req, req.Body)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	return t.again(in, req, resp, tok)
}

// allowed reports whether the request may carry the token. It is an error if it
// may not, unless a redirect led to it.
func (t *transport) allowed(req *http.Request) (bool, error) {
	configured := t.system.placementOf(t.service)
	redirected := req.Response != nil
	switch {
	case !private(req.URL):
		return false, unless(redirected, t.inTheClear(req.URL))
	case !configured.Allows(req.URL):
		return false, unless(redirected, messages.NotAllowed(t.service, req.URL.Host))
	case len(configured.Hosts) == 0 && redirected:
		return stayed(req), nil
	default:
		return true, nil
	}
}

func (t *transport) inTheClear(u *url.URL) error {
	return &messages.Error{Kind: messages.ErrDenied, Service: t.service, Cause: fmt.Errorf("a token is sent over https or to loopback only, not to %s", origin(u))}
}

// unless returns err, or nil after a redirect.
func unless(redirected bool, err error) error {
	if redirected {
		return nil
	}
	return err
}

// stayed reports whether all redirects that led to req came from its own origin:
// one that left it has made up where req goes, even if it came back.
func stayed(req *http.Request) bool {
	here := origin(req.URL)
	for resp := req.Response; resp != nil; resp = resp.Request.Response {
		if resp.Request == nil || origin(resp.Request.URL) != here {
			return false
		}
	}
	return true
}

// send sends the request. The response shows the caller's own request instead of
// the one with the token.
func (t *transport) send(req, shown *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(req)
	if resp != nil {
		resp.Request = shown
	}
	return resp, err
}

// sendWith sends a copy of req with the token and body.
func (t *transport) sendWith(in placement, tok messages.Token, req *http.Request, body io.ReadCloser) (*http.Response, error) {
	clone := req.Clone(req.Context())
	clone.Body = body
	if clone.Header == nil {
		clone.Header = http.Header{}
	}
	if err := in.into(clone, tok); err != nil {
		closeBody(clone)
		return nil, err
	}
	resp, err := t.send(clone, req)
	return resp, in.conceal(tok, resp, err)
}

// again sends the request once more with the token that replaces the one that
// was refused, if there is one and the body can be had again. Else the refusal
// stands.
func (t *transport) again(in placement, req *http.Request, refused *http.Response, old messages.Token) (*http.Response, error) {
	ctx := req.Context()
	// Whether this call or another gave the token up does not matter here.
	_, _ = t.system.Invalidate(ctx, t.service, old.Fingerprint)
	tok, err := t.system.Token(ctx, t.service)
	if err != nil || tok.Fingerprint == old.Fingerprint {
		return refused, nil
	}
	body := req.Body
	if body != nil && body != http.NoBody {
		if req.GetBody == nil {
			return refused, nil
		}
		if body, err = req.GetBody(); err != nil {
			return refused, nil
		}
	}
	_ = refused.Body.Close()
	return t.sendWith(in, tok, req, body)
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
