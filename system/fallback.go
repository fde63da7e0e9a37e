package system

import (
	"context"

	"tokend/actors/gate"
	"tokend/actors/provider"
	"tokend/messages"
)

// bounded is a fallback whose acquisitions pass the gate of its own host. The flight
// has a place at the gate of the host that has refused its login, and has no more
// business there.
type bounded struct {
	provider.Provider

	gates *gates
	host  string
}

// bounded returns p, which is asked at another host's gate than the one that let the
// flight through.
func (s *System) bounded(p provider.Provider) provider.Provider {
	if h, ok := p.(provider.Hosted); ok {
		return &bounded{p, &s.gates, h.Host()}
	}
	return p
}

// Acquire waits for a place, as a part of the time that the attempt has, and asks
// then.
func (b *bounded) Acquire(ctx context.Context, req provider.Request) (provider.Result, error) {
	if pass := gate.PassOf(ctx); pass != nil {
		at, done := b.gates.visit(b.host)
		defer done()
		if err := pass.Change(ctx, at); err != nil {
			return provider.Result{}, &provider.Error{
				Class: messages.ClassTransient, Text: "too many acquisitions are under way at " + b.host,
			}
		}
	}
	return b.Provider.Acquire(ctx, req)
}
