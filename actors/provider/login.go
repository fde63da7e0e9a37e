package provider

import "context"

// Login is any HTTP endpoint that answers a request with a token in JSON.
type Login struct {
	Endpoint

	// Request is called once by NewLogin, which needs the URL's host, and then at
	// every acquisition. Its error is shown, so its text must not hold a secret.
	Request  func() (HTTPRequest, error)
	Response Response
}

// NewLogin returns a Provider for l, which is [Hosted]; its host is the one that
// the request's URL has now. It reads the request, but
// does not send it. Whether http:// is permitted is checked here and again at
// every acquisition, as the URL may have changed. A request with a safe method,
// such as GET, is sent again by net/http when a kept connection turns out to be
// closed before any answer (RFC 9110, section 9.2.2); others never are.
func NewLogin(l Login) (Provider, error) {
	var err error
	if l.Endpoint, err = l.withDefaults(); err != nil {
		return nil, err
	}
	if l.Request == nil {
		return nil, &KeyError{"request", "missing"}
	}
	if err := l.Response.check(); err != nil {
		return nil, err
	}
	req, err := l.Request()
	if err != nil {
		return nil, &KeyError{"request", err.Error()}
	}
	if req.URL == "" {
		return nil, &KeyError{"request.url", "missing"}
	}
	u, err := l.parse("request.url", req.URL)
	if err != nil {
		return nil, err
	}
	return newHosted("login", hostPort(u), (&login{l}).acquire), nil
}

type login struct{ Login }

// acquire sends the request, once, and judges the answer.
func (p *login) acquire(ctx context.Context, req Request) (Result, error) {
	r, err := p.Request()
	if err != nil {
		return Result{}, unreadyf("request: %s", err)
	}
	httpReq, err := r.build(ctx, p.Endpoint)
	if err != nil {
		return Result{}, err
	}
	traceOf(ctx).cover(r.Secrets)
	a, err := p.send(ctx, httpReq)
	if err != nil {
		return Result{}, err
	}
	return a.loginResult(&p.Response, func() *secrets {
		var hidden secrets
		req.hide(&hidden)
		r.hide(&hidden)
		return &hidden
	})
}
