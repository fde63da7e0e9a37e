package access

import (
	"sync"
	"sync/atomic"
)

// Use is what a request takes up for as long as it lasts.
type Use uint8

// The uses.
const (
	Requests Use = iota // being under way
	Streams             // being a stream of events
	uses
)

// load is what a client takes up now. It is the client's own, whatever the policy:
// see [Shared.Replace].
type load struct {
	taken [uses]atomic.Int64
	// Requests of one client are added from all cores. Another client's are on another
	// cache line, so that these are the only ones they wait for.
	_ [64 - 8*uses]byte

	waiting sync.Map // *atomic.Int64 by service: requests that wait for its token
}

// Place is what a request takes up until it leaves. The zero Place is nothing.
type Place struct{ taken *atomic.Int64 }

// Enter takes one of the places that the caller's client has for a use, and reports
// whether one was free. There are as many as the policy says, otherwise if it does not
// say. A caller who is several clients counts as the surest of them, as in
// [Caller.Allow]; for one who is none there is no place.
func (c Caller) Enter(use Use, otherwise int) (Place, bool) {
	known := c.first()
	if known == nil {
		return Place{}, false
	}
	places := c.party.policy.places[use]
	if places <= 0 {
		places = otherwise
	}
	taken := &known.load.Load().taken[use]
	if taken.Add(1) > int64(places) {
		taken.Add(-1)
		return Place{}, false
	}
	return Place{taken}, true
}

// Wait takes one of the places that the caller's client has among those who wait for a
// service's token, and reports whether one was free. See [Caller.Enter] for who counts.
func (c Caller) Wait(service string, places int) (Place, bool) {
	known := c.first()
	if known == nil {
		return Place{}, false
	}
	waiting := &known.load.Load().waiting
	count, ok := waiting.Load(service)
	if !ok {
		count, _ = waiting.LoadOrStore(service, &atomic.Int64{})
	}
	taken := count.(*atomic.Int64)
	if taken.Add(1) > int64(places) {
		taken.Add(-1)
		return Place{}, false
	}
	return Place{taken}, true
}

// Leave gives the place back. It is to be called once.
func (p Place) Leave() {
	if p.taken != nil {
		p.taken.Add(-1)
	}
}

// follow makes what clients took up under before count for those of p who are known by
// the same: their requests are still under way.
func (p *Policy) follow(before *Policy) {
	inherit(p.uids, before.uids)
	inherit(p.gids, before.gids)
	inherit(p.keys, before.keys)
	inherit(p.names, before.names)
	inherit(p.listeners, before.listeners)
}

func inherit[K comparable](to, from map[K]*client) {
	for identity, c := range to {
		if before := from[identity]; before != nil {
			c.load.Store(before.load.Load())
		}
	}
}
