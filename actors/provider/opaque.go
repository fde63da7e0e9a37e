package provider

import (
	"context"
	"fmt"
)

// opaque is a provider that fmt can see nothing of: what it works with is held by
// a function. Methods alone would not do, as fmt does not call those of values in
// unexported fields.
type opaque struct {
	name    string
	acquire func(context.Context, Request) (Result, error)
}

// Acquire acquires a token; its error is always an *Error.
func (p *opaque) Acquire(ctx context.Context, req Request) (Result, error) {
	res, err := p.acquire(ctx, req)
	if err != nil {
		return Result{State: res.State}, Classify(err)
	}
	return res, nil
}

// discreet marks providers whose errors show nothing that a request hides.
func (*opaque) discreet() {}

// String names the kind and the host.
func (p *opaque) String() string { return p.name }

// Format prints what String returns, for every verb.
func (p *opaque) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, p.name) }

// hosted is an opaque provider that calls a token endpoint.
type hosted struct {
	opaque

	host   string
	auth   string // one of the Auth constants; empty: none of them
	person bool   // it sends a person's credentials
}

func newHosted(kind, host string, acquire func(context.Context, Request) (Result, error)) *hosted {
	person := kind == "login" || kind == "password"
	if person {
		acquire = ofPerson(acquire)
	}
	return &hosted{opaque: opaque{kind + " at " + host, acquire}, host: host, person: person}
}

// Personal reports whether a person's credentials are sent, see [Personal].
func (p *hosted) Personal() bool { return p.person }

// ClientAuth returns one of the Auth constants, empty if there is no client that
// proves who it is in one of these ways.
func (p *hosted) ClientAuth() string { return p.auth }

// scoped is a hosted provider that asks for scopes.
type scoped struct {
	hosted

	asked []string
}

// Asked returns the scopes that are asked for.
func (p *scoped) Asked() []string { return p.asked }

// Host returns the endpoint's host and port.
func (p *hosted) Host() string { return p.host }
