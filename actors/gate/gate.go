// Package gate bounds how many acquisitions are under way at one token endpoint.
//
// One gate actor a host hands out places. It keeps names, not goroutines: a
// token actor asks with [Acquire], is told by [Granted] when it has a place, and
// whoever ends the acquisition gives the place back with [Release]. A flight that
// goes on to another host changes its place for one there, see [Pass]. Acquisitions
// that callers wait for go before background refreshes, and services whose last
// attempt timed out hold at most half the places, so that hanging ones never
// starve the rest.
//
// # Invariants
//
// A service has at most one entry: asking again for the same flight only raises
// its rank, asking for a newer flight replaces the entry. Releasing what is not
// held does nothing. So every message may be sent twice.
package gate

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/messages"
)

// Acquire asks for a place. The sender gets [Granted].
type Acquire struct {
	messages.Unlogged
	Service string
	Flight  uint64
	Waiting bool            // callers wait for this acquisition
	Slow    bool            // the service's last attempt timed out
	Granted chan<- struct{} // gets one in place of the sender, who is none then; with room for it
}

// Granted tells that the flight has its place.
type Granted struct {
	messages.Unlogged
	Flight uint64
}

// Release gives up a flight's place, or its wait for one.
type Release struct {
	messages.Unlogged
	Service string
	Flight  uint64
}

// SetLimit changes the number of places.
type SetLimit struct{ Limit int }

// Retire has Idle called once, on the gate's goroutine, as soon as nobody has a place
// or waits for one.
type Retire struct {
	messages.Unlogged
	Idle func()
}

// Gauge shows how busy a gate is to those who do not ask it. Its fields are
// written by the gate only.
type Gauge struct {
	InFlight atomic.Int64 // places that are taken
	Queued   atomic.Int64 // flights that wait for one
}

// Props returns the properties of a gate with limit places, which keeps gauge up
// to date.
func Props(limit int, gauge *Gauge, opts ...actor.PropsOption) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor { return &gate{queue: newQueue(limit), gauge: gauge} }, opts...)
}

type gate struct {
	queue *queue
	gauge *Gauge
	idle  func() // to be called when it is idle; nil: nobody wants to know
}

// Receive is the gate's table of messages.
func (g *gate) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *Acquire:
		g.queue.ask(*m, c.Sender())
	case *Release:
		g.queue.release(m.Service, m.Flight)
	case *SetLimit:
		g.queue.limit = m.Limit
	case *Retire:
		g.idle = m.Idle
	default:
		return
	}
	for e := g.queue.next(); e != nil; e = g.queue.next() {
		e.grant(c)
	}
	g.gauge.InFlight.Store(int64(g.queue.held))
	g.gauge.Queued.Store(int64(len(g.queue.entries) - g.queue.held))
	if g.idle != nil && len(g.queue.entries) == 0 {
		idle := g.idle
		g.idle = nil
		idle()
	}
}

// grant tells whoever asked for the place.
func (e *entry) grant(c actor.Context) {
	if e.Granted == nil {
		c.Request(e.asker, &Granted{Flight: e.Flight}) // so that it knows where to give the place back
		return
	}
	select {
	case e.Granted <- struct{}{}:
	default: // it was told already
	}
}
