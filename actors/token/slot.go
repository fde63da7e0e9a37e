package token

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/schedule"
	"tokend/messages"
)

// Slot is the place of one service: what outlives its actor, and what others may
// read without asking it. Its methods may be called concurrently, except where
// they say that they are the supervisor's.
type Slot struct {
	name string
	pid  *actor.PID
	env  *Env

	state   atomic.Pointer[State]   // written by the actor only
	options atomic.Pointer[Options] // written by the supervisor only
	landed  atomic.Pointer[landing] // left by a flight, taken by the actor

	hits, misses, refreshes, failures atomic.Uint64

	down   atomic.Pointer[schedule.Instant] // when a crashed actor starts again; nil: it runs
	ending atomic.Pointer[error]            // why the service ends; nil: it does not
	gone   chan struct{}                    // closed when it has ended
}

// NewSlot returns the slot of a service whose actor will have that PID. It takes
// up what the store holds of the service.
func NewSlot(name string, pid *actor.PID, env *Env, o *Options) (*Slot, error) {
	s := &Slot{name: name, pid: pid, env: env, gone: make(chan struct{})}
	s.options.Store(o)
	rec, err := env.Store.Load(recordKey(name))
	if err != nil {
		return nil, err
	}
	s.state.Store(resume(rec, env.Clock.Now(), o))
	return s, nil
}

// Name returns the service's name.
func (s *Slot) Name() string { return s.name }

// PID returns that of the service's actor. It stays the same over restarts.
func (s *Slot) PID() *actor.PID { return s.pid }

// Options returns how the service is configured.
func (s *Slot) Options() *Options { return s.options.Load() }

// Configure sets how the service is configured. The actor takes it up when it
// gets [Reconfigured]. It is the supervisor's.
func (s *Slot) Configure(o *Options) { s.options.Store(o) }

// Cached returns the service's token if it can be handed out at once and has
// that life left; zero means the service's own wish.
func (s *Slot) Cached(minTTL time.Duration) (messages.Token, bool) {
	now := s.env.Clock.Now()
	st := s.state.Load()
	if !st.enough(now, minTTL) || s.Ending() {
		return messages.Token{}, false
	}
	tok, err := st.open(now)
	if err != nil {
		return messages.Token{}, false // the actor will say so
	}
	s.hits.Add(1)
	return tok, true
}

// Living returns the service's token if it lives, however short.
func (s *Slot) Living() (messages.Token, bool) {
	now, st := s.env.Clock.Now(), s.state.Load()
	if !st.living(now) || s.Ending() {
		return messages.Token{}, false
	}
	tok, err := st.open(now)
	return tok, err == nil
}

// Expired reports whether the service has no living token.
func (s *Slot) Expired() bool { return !s.state.Load().living(s.env.Clock.Now()) }

// Unready reports whether the service counts against the node's readiness: it is
// required and was needed, but has no living token.
func (s *Slot) Unready() bool {
	st := s.state.Load()
	return st.needed && s.options.Load().Required && !st.living(s.env.Clock.Now())
}

// Info returns everything about the service's token but the token.
func (s *Slot) Info() messages.TokenInfo {
	o := s.options.Load()
	info := s.state.Load().info(s.env.Clock.Now())
	info.Service, info.Provider, info.Required, info.Eager = s.name, o.Kind, o.Required, o.Eager
	info.Counters = messages.Counters{
		Hits: s.hits.Load(), Misses: s.misses.Load(),
		Refreshes: s.refreshes.Load(), Failures: s.failures.Load(),
	}
	return info
}

// Call sends a command to the service's actor.
func (s *Slot) Call(cmd messages.ServiceCommand) Pending {
	p := Pending{slot: s, command: cmd, reply: s.Shortcut(cmd)}
	if p.reply == nil {
		replies := make(chan messages.Reply, 1)
		p.replies = replies
		s.env.Root.Send(s.pid, &Call{Command: cmd, Reply: replies})
	}
	return p
}

// Pending is a command that was sent and not answered yet.
type Pending struct {
	slot    *Slot
	command messages.ServiceCommand
	reply   messages.Reply // known already
	replies <-chan messages.Reply
}

// Wait returns the reply, or one with an error when ctx or the service ends
// first. It is called once.
func (p Pending) Wait(ctx context.Context) messages.Reply {
	if p.reply != nil {
		return p.reply
	}
	select {
	case r := <-p.replies:
		return r
	case <-ctx.Done():
		return messages.ReplyError(p.command, p.slot.err(messages.ErrTimeout, context.Cause(ctx)))
	case <-p.slot.gone:
	}
	select {
	case r := <-p.replies:
		return r
	default:
		return messages.ReplyError(p.command, p.slot.endErr())
	}
}

// Shortcut returns the reply to a command that the actor cannot answer soon: it
// crashed and is not to start at once, or the service is ending. It returns nil
// when the actor is to be asked.
func (s *Slot) Shortcut(cmd messages.ServiceCommand) messages.Reply {
	if s.ending.Load() != nil {
		return messages.ReplyError(cmd, s.endErr())
	}
	again := s.down.Load()
	if again == nil {
		return nil
	}
	switch cmd.(type) {
	case *messages.GetTokenInfo:
		return &messages.TokenInfoReply{Info: s.Info()}
	case *messages.GetToken:
		if tok, ok := s.Living(); ok {
			s.hits.Add(1)
			return &messages.TokenReply{Token: tok}
		}
	}
	return messages.ReplyError(cmd, &messages.Error{
		Kind: messages.ErrUnavailable, Service: s.name, NextTry: again.Time(), Cause: errCrashed,
	})
}

// Down notes that the actor crashed and starts again at that time. It is the
// supervisor's.
func (s *Slot) Down(until schedule.Instant) { s.down.Store(&until) }

// Up notes that the actor runs. It is the supervisor's.
func (s *Slot) Up() { s.down.Store(nil) }

// End notes that the service ends and what callers are to be told: kind is
// ErrStopped or ErrUnknownService. It is the supervisor's.
func (s *Slot) End(kind error) { s.ending.CompareAndSwap(nil, &kind) }

// Ending reports whether End was called.
func (s *Slot) Ending() bool { return s.ending.Load() != nil }

// Removed reports whether End was called because the service is no longer
// configured.
func (s *Slot) Removed() bool {
	kind := s.ending.Load()
	return kind != nil && errors.Is(*kind, messages.ErrUnknownService)
}

// Gone notes that the service has ended: its actor will answer nobody any more.
// It is the supervisor's, and called once, after End.
func (s *Slot) Gone() { close(s.gone) }

// Occurrence says that something happened to the service now.
func (s *Slot) Occurrence() messages.Occurrence {
	now, st := s.env.Clock.Now(), s.state.Load()
	return st.occurrence(s.name, now, st.held)
}

func (s *Slot) err(kind, cause error) error {
	return &messages.Error{Kind: kind, Service: s.name, Cause: cause}
}

func (s *Slot) endErr() error {
	if kind := s.ending.Load(); kind != nil {
		return s.err(*kind, nil)
	}
	return s.err(messages.ErrStopped, nil)
}
