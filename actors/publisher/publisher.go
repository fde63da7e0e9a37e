// Package publisher hands events to whoever listens, away from the actors they
// come from.
//
// Token actors give their events to one publisher actor, which logs them, sends
// them to subscribers, keeps the last of them in a [History] and publishes them on
// protoactor's EventStream, whose handlers run on its goroutine. Its queue is
// bounded: when a listener is too slow, events are dropped and counted, and no
// token actor waits.
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
	History

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

// Lost returns how many events were dropped, or lost with the actor's mailbox.
func (p *Publisher) Lost() uint64 { return p.dropped.Load() }

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

// Close ends all subscriptions and tells the readers of the history that nothing
// comes any more. It is for a Publisher that was not started.
func (p *Publisher) Close() {
	p.Hub.Close()
	p.end()
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
		a.onPublish(c, m.event)
	case *actor.Stopped:
		a.onStopped()
	}
}

// onPublish hands the event to those first who cannot panic, as a host's listeners
// can.
func (a *publisherActor) onPublish(c actor.Context, e messages.Event) {
	a.pending.Add(-1)
	total := a.dropped.Load()
	lost := total != a.reported
	a.reported = total
	if lost {
		a.add(nil)
	}
	a.add(e)
	a.deliver(e)
	if lost {
		a.Dropped(total)
	}
	a.Event(e)
	c.ActorSystem().EventStream.Publish(e)
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
	(*Publisher)(a).Close()
	close(a.done)
}
