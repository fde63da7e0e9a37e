package access

import (
	"slices"
	"time"
)

// Party is what a policy knows of one connection.
type Party struct {
	policy  *Policy
	clients []*client // all that the connection has proved to be, the surest first
}

// Match returns what p knows of a connection. It is good for as long as p is in
// force.
func (p *Policy) Match(id Identity) *Party {
	party := &Party{policy: p}
	note := func(c *client) {
		if c != nil && !slices.Contains(party.clients, c) {
			party.clients = append(party.clients, c)
		}
	}
	if id.Peer != nil {
		note(p.uids[id.Peer.UID])
		note(p.gids[id.Peer.GID])
	}
	for _, name := range id.Names {
		note(p.names[name])
	}
	note(p.listeners[id.Listener])
	return party
}

// Of reports whether party is what p knows of its connection.
func (p *Policy) Of(party *Party) bool { return party != nil && party.policy == p }

// Caller is who makes a request. The zero Caller is nobody and may nothing.
type Caller struct {
	party *Party
	key   *client // nil: it sent none
}

// Caller returns who makes a request over a connection without a key.
func (party *Party) Caller() Caller { return Caller{party: party} }

// WithKey returns who makes a request over a connection with a key, and whether
// the key is anybody's. If not, nothing that the connection has proved counts
// either: who sends a key means to be known by it.
func (party *Party) WithKey(key string) (Caller, bool) {
	c := party.policy.byKey(key)
	if c == nil {
		return Caller{party: &Party{policy: party.policy}}, false
	}
	return Caller{party, c}, true
}

// Under reports whether what is known of the caller is from p.
func (c Caller) Under(p *Policy) bool { return p.Of(c.party) }

// Known reports whether the caller is any client.
func (c Caller) Known() bool { return c.key != nil || c.party != nil && len(c.party.clients) > 0 }

// May reports whether the caller may do that with the service. Of [Metrics] and
// [Reload] it is asked without one.
func (c Caller) May(verb Verb, service string) bool { return c.granting(verb, service) != nil }

// granting returns the client whose grant allows it.
func (c Caller) granting(verb Verb, service string) *client {
	if c.key != nil && c.key.may(verb, service) {
		return c.key
	}
	if c.party == nil {
		return nil
	}
	for _, client := range c.party.clients {
		if client.may(verb, service) {
			return client
		}
	}
	return nil
}

// MayAny reports whether there is a service that the caller could do that with; of
// [Metrics] and [Reload], whether it may do that.
func (c Caller) MayAny(verb Verb) bool {
	if verb&nodeWide != 0 {
		return c.May(verb, "")
	}
	if c.key != nil && c.key.some&verb != 0 {
		return true
	}
	return c.party != nil && slices.ContainsFunc(c.party.clients, func(o *client) bool { return o.some&verb != 0 })
}

// first returns the client that the caller is known as before all others.
func (c Caller) first() *client {
	switch {
	case c.key != nil:
		return c.key
	case c.party != nil && len(c.party.clients) > 0:
		return c.party.clients[0]
	default:
		return nil
	}
}

// Allow counts a request against the caller's rate and reports whether it is
// within. All strangers share one rate. It reads the clock only if there is a bound.
func (c Caller) Allow(now func() time.Time) bool {
	if c.party == nil {
		return true
	}
	limiter := c.party.policy.strangers
	if known := c.first(); known != nil {
		limiter = known.limiter
	}
	return limiter == nil || limiter.AllowN(now(), 1)
}

// Name returns the name of the client that the decision about verb and service
// rests on, and how it is known. A refused caller goes by the first of its names.
func (c Caller) Name(verb Verb, service string) (string, Kind) {
	known := c.granting(verb, service)
	if known == nil {
		known = c.first()
	}
	if known == nil {
		return "", KindAnonymous
	}
	return known.name, known.kind
}
