// Package publisher hands events to whoever listens, away from the actors they
// come from.
//
// Token actors give their events to one publisher actor, which logs them, sends
// them to subscribers and publishes them on protoactor's EventStream, whose
// handlers run on its goroutine. Its queue is bounded: when a listener is too
// slow, events are dropped and counted, and no token actor waits.
package publisher

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/messages"
)

// Limit is how many events may wait to be published.
const Limit = 10_000

// Publisher is the way to the publisher actor. Its methods may be called
// concurrently.
type Publisher struct {
	Hub

	Listener

	root     *actor.RootContext
	pid      *actor.PID
	pending  atomic.Int64
	dropped  atomic.Uint64
	reported uint64 // of those dropped; the actor's
	ending   atomic.Bool
	spawn    func() error
	done     chan struct{}
}

// Listener is told first, on the actor's goroutine.
type Listener struct {
	Event   func(messages.Event) // of every event
	Dropped func(total uint64)   // when events were dropped that it was not told of
}

// New returns a Publisher that is not started yet.
func New(root *actor.RootContext, l Listener) *Publisher {
	return &Publisher{root: root, Listener: l, done: make(chan struct{})}
}

// Start spawns the actor. It must be called once, before Publish.
func (p *Publisher) Start(name string, opts ...actor.PropsOption) error {
	props := actor.PropsFromProducer(func() actor.Actor { return (*publisherActor)(p) }, opts...)
	p.spawn = func() error {
		pid, err := p.root.SpawnNamed(props, name)
		if err == nil && p.pid == nil {
			p.pid = pid
		}
		return err
	}
	return p.spawn()
}

// Publish hands an event over without waiting. When too many wait already, it is
// dropped.
func (p *Publisher) Publish(e messages.Event) {
	if p.pending.Add(1) > Limit {
		p.pending.Add(-1)
		p.dropped.Add(1)
		return
	}
	p.root.Send(p.pid, &publish{event: e})
}

// Stop publishes what waits and then stops the actor; Done is closed after that.
func (p *Publisher) Stop() {
	if p.pid == nil { // never started
		p.Close()
		close(p.done)
		return
	}
	p.ending.Store(true)
	p.root.Poison(p.pid)
}

// Done is closed when the actor has stopped.
func (p *Publisher) Done() <-chan struct{} { return p.done }

type publish struct {
	messages.Unlogged
	event messages.Event
}

// publisherActor is the actor's side of a Publisher. It holds nothing of its
// own, so a new incarnation goes on where the last one was.
type publisherActor Publisher

// Receive is the publisher's table of messages.
func (a *publisherActor) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *publish:
		a.pending.Add(-1)
		if total := a.dropped.Load(); total != a.reported {
			a.reported = total
			a.Dropped(total)
		}
		a.deliver(m.event) // first: this cannot panic, a host's listeners can
		a.Event(m.event)
		c.ActorSystem().EventStream.Publish(m.event)
	case *actor.Stopped:
		a.onStopped()
	}
}

// onStopped ends the Publisher, unless somebody else stopped the actor: then it
// is spawned anew. What was in its mailbox is lost.
func (a *publisherActor) onStopped() {
	if !a.ending.Load() {
		lost := a.pending.Swap(0)
		a.dropped.Add(uint64(max(lost, 0)))
		if a.spawn() == nil {
			return
		}
	}
	a.Close()
	close(a.done)
}
