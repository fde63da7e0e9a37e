package provider

import (
	"context"
	"net/url"
)

// Password is the grant of RFC 6749, section 4.3, for servers that know no better
// one.
type Password struct {
	Grant

	Username string
	Password func() (Text, error) // called at every acquisition
}

// NewPassword returns a Provider for p, which is [Hosted]; see
// [NewClientCredentials].
func NewPassword(p Password) (Provider, error) {
	g, err := newGrant(p.Grant)
	switch {
	case err != nil:
		return nil, err
	case p.Username == "":
		return nil, &KeyError{"username", "missing"}
	case p.Password == nil:
		return nil, &KeyError{"password", "missing"}
	}
	return g.provider("password", (&password{g, p.Username, p.Password}).acquire), nil
}

type password struct {
	grant  *grant
	name   string
	secret func() (Text, error)
}

// acquire sends one token request. A refresh token is ignored: name and password
// are at hand, and cannot get lost.
func (p *password) acquire(ctx context.Context, req Request) (Result, error) {
	secret, err := read("password", p.secret)
	if err != nil {
		return Result{}, err
	}
	form := url.Values{"grant_type": {"password"}, "username": {p.name}, "password": {secret.Reveal()}}
	res, _, err := p.grant.ask(ctx, &req, with(form, secret))
	return res, err
}
