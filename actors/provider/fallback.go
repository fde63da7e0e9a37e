package provider

import (
	"context"
	"slices"
)

// startAnew asks the fallback, once, in place of the family now, which is lost. A
// refresh token that it brings begins a family of its own.
func (p *refreshToken) startAnew(ctx context.Context, req *Request, now family, own []Text) (Result, family, error) {
	ask := Request{Service: req.Service, Hidden: slices.Clone(req.Hidden)}
	for _, text := range own {
		ask.Hidden = append(ask.Hidden, text.Secret)
	}
	res, err := p.fallback.Acquire(ctx, ask)
	if err != nil {
		e := *Classify(err)
		e.Text = printable("the login is lost, and its fallback failed: "+e.Text, maxText)
		return Result{}, now, &e
	}
	next := res.RefreshToken.Reveal()
	if next == "" {
		next = string(res.State.Bytes()) // of a login
	}
	if next != "" {
		now = family{Version: familyVersion, First: now.First, Current: next, Anew: true}
	}
	return res, now, nil
}
