package gate

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Pass is the one place that a flight has once it is in the air. It belongs to the
// flight's goroutine.
type Pass struct {
	Root    *actor.RootContext
	Service string
	Flight  uint64
	Slow    bool        // see [Acquire]
	Waiting func() bool // whether callers wait for the flight now
	At      *actor.PID  // the gate; nil: none
	// Grace is for how long after the end of its context the flight keeps a place that
	// it has changed for. Longer than that it may hang for ever.
	Grace time.Duration

	overdue *time.Timer // gives the place back
}

// Change gives the place up for one at another gate, nil for none, and waits for that
// at most until ctx ends; the error is why it did. Never to hold two places is what
// keeps flights that go from one host to another from waiting for each other, and a
// host from being full of those who wait for a slow one.
func (p *Pass) Change(ctx context.Context, to *actor.PID) error {
	if to != nil && p.At != nil && p.At.Equal(to) {
		return nil
	}
	p.Leave()
	if p.At = to; to == nil {
		return nil
	}
	if err := p.await(ctx); err != nil {
		p.Leave()
		return err
	}
	p.bound(ctx)
	return nil
}

// lookAgain is how often a flight that waits in the background looks whether somebody
// waits for it by now.
const lookAgain = 100 * time.Millisecond

// await asks for a place and waits for it.
func (p *Pass) await(ctx context.Context) error {
	granted := make(chan struct{}, 1)
	ask := func() (waiting bool) {
		waiting = p.Waiting()
		p.Root.Send(p.At, &Acquire{Service: p.Service, Flight: p.Flight, Waiting: waiting, Slow: p.Slow, Granted: granted})
		return waiting
	}
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for waiting := ask(); ; {
		select {
		case <-granted:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-look.C:
			if !waiting && p.Waiting() {
				waiting = ask()
			}
		}
	}
}

// bound has the place given back when the flight is overdue. Of its first place its
// actor sees to that, which knows of no other.
func (p *Pass) bound(ctx context.Context) {
	end, ok := ctx.Deadline()
	if !ok {
		return
	}
	root, at, release := p.Root, p.At, &Release{Service: p.Service, Flight: p.Flight}
	p.overdue = time.AfterFunc(time.Until(end)+p.Grace, func() { root.Send(at, release) })
}

// Leave gives the place up, or the wait for one. Twice is harmless.
func (p *Pass) Leave() {
	if p.overdue != nil {
		p.overdue.Stop()
		p.overdue = nil
	}
	if p.At != nil {
		p.Root.Send(p.At, &Release{Service: p.Service, Flight: p.Flight})
		p.At = nil
	}
}

type passKey struct{}

// WithPass returns a context for the flight that has p.
func WithPass(ctx context.Context, p *Pass) context.Context {
	return context.WithValue(ctx, passKey{}, p)
}

// PassOf returns the pass of the flight that ctx is of, nil if it is of none.
func PassOf(ctx context.Context) *Pass {
	p, _ := ctx.Value(passKey{}).(*Pass)
	return p
}
