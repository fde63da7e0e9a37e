package provider

import (
	"context"
	"net/url"
)

// ClientCredentials is the grant of RFC 6749, section 4.4, against any endpoint.
type ClientCredentials Grant

// NewClientCredentials returns a Provider for c, which is [Hosted]. It reads the
// key, if there is one, but no secret that is sent, and does not connect.
func NewClientCredentials(c ClientCredentials) (Provider, error) {
	g, err := newGrant(Grant(c))
	if err != nil {
		return nil, err
	}
	p := &clientCredentials{g}
	return g.provider("client_credentials", p.acquire), nil
}

type clientCredentials struct{ grant *grant }

// acquire sends one token request. A refresh token is ignored: the client can
// always ask again (RFC 6749, section 4.4.3).
func (p *clientCredentials) acquire(ctx context.Context, req Request) (Result, error) {
	res, _, err := p.grant.ask(ctx, &req, with(url.Values{"grant_type": {"client_credentials"}}))
	return res, err
}
