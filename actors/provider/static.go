package provider

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tokend/messages"
)

// Static is a token that is configured, not acquired.
type Static struct {
	// Token is called at every acquisition. Its error is shown, so its text must
	// not hold the token.
	Token     func() (messages.Secret, error)
	Type      string           // empty: Bearer
	Scopes    []string         //
	ExpiresAt time.Time        // zero: that of the token itself if it is a JWT, else no expiry
	Now       func() time.Time // the clock; nil: time.Now
}

// NewStatic returns a Provider for s. It does not read the token.
func NewStatic(s Static) (Provider, error) {
	if s.Token == nil {
		return nil, &KeyError{"token", "missing"}
	}
	var err error
	if s.Type, err = declaredType(s.Type); err != nil {
		return nil, err
	}
	s.Type = cmp.Or(s.Type, bearer)
	if s.Now == nil {
		s.Now = time.Now
	}
	s.Scopes = slices.Clone(s.Scopes)
	return &opaque{"static", (&static{s}).acquire}, nil
}

type static struct{ Static }

// acquire reads the token anew. One that has expired is rejected: nothing but a
// person can replace it.
func (p *static) acquire(context.Context, Request) (Result, error) {
	token, err := p.Token()
	if err != nil {
		return Result{}, unreadyf("token: %s", err)
	}
	res := Result{AccessToken: token, Type: p.Type, Scopes: p.Scopes, ExpiresAt: p.ExpiresAt, NoExpiry: true, AnyLength: true}
	if res.ExpiresAt = res.endHere(); !res.ExpiresAt.IsZero() && !res.ExpiresAt.After(p.Now()) {
		text := fmt.Sprintf("the configured token expired at %s: replace it", res.ExpiresAt.UTC().Format(time.RFC3339))
		return Result{}, &Error{Class: messages.ClassRejected, Text: text}
	}
	return res, nil
}
