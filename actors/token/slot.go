package token

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/gate"
	"tokend/actors/schedule"
	"tokend/actors/vault"
	"tokend/messages"
)

// Slot is the place of one service: what outlives its actor, and what others may
// read without asking it. Its methods may be called concurrently, except where
// they say that they are the supervisor's.
type Slot struct {
	// What Cached needs comes first, to lie in one cache line.
	ready  atomic.Pointer[held]  // published by the actor; nil: nothing to hand out
	ending atomic.Pointer[error] // why the service ends; nil: it does not
	clock  *Clock
	hits   atomic.Uint64

	env     *Env
	pid     *actor.PID
	name    string
	state   atomic.Pointer[State]            // written by the actor only
	options atomic.Pointer[Options]          // written by the supervisor only
	landed  atomic.Pointer[landing]          // left by a flight, taken by the actor
	down    atomic.Pointer[schedule.Instant] // when a crashed actor starts again; nil: it runs
	gone    atomic.Pointer[chan struct{}]    // closed when the actor will not answer; made when somebody waits
	tally   atomic.Pointer[tally]            // what few services have; nil: nothing of it yet
	waiting atomic.Int32                     // callers in the actor's queue; written by the actor only
	resumed bool                             // the store had a record; read once, by the actor's first incarnation
	before  <-chan struct{}                  // closed when an earlier service's flight has landed; nil: there was none

	misses, refreshes, failures atomic.Uint64

	// routed counts the commands that the router handed on and that may change what
	// is published. While there are any, a GetToken behind them must not overtake.
	routed atomic.Int64
}

// NewSlot returns the slot of a service whose actor will have that PID. It takes
// up what the store holds of the service. The first acquisition waits for before,
// if that is not nil: the last one of an earlier service of that name.
func NewSlot(name string, pid *actor.PID, env *Env, o *Options, before <-chan struct{}) (*Slot, error) {
	s := &Slot{name: name, pid: pid, env: env, clock: env.Clock, before: before}
	s.options.Store(o)
	var rec *vault.Record
	if store := s.store(); store != nil {
		var err error
		if rec, err = store.Load(recordKey(name)); err != nil {
			return nil, err
		}
	}
	s.resumed = rec != nil
	now := env.Clock.Now()
	st := resume(rec, now, o)
	if o.KeepAlive > 0 {
		st.beAlive(lastUse(rec, now), o, env.Roll())
	}
	if o.Eager && !st.needed {
		st.needed, st.since = true, now
	}
	s.become(st)
	return s, nil
}

// store returns what keeps the service's records, nil if nothing does.
func (s *Slot) store() vault.Store {
	if s.options.Load().Unkept {
		return nil
	}
	return s.env.Store
}

// become makes st the state, and publishes what it lets callers have.
func (s *Slot) become(st *State) {
	ready := st.held
	if ready != nil {
		if ready.degraded != st.degraded() {
			again := *ready
			again.mark(st.degraded())
			st.held, ready = &again, &again
		}
		if st.barred() || st.expired || !st.needed { // the actor is to know the first who needs it
			ready = nil
		}
	}
	s.state.Store(st)
	s.ready.Store(ready)
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

// Cached makes tok the service's token if that can be handed out at once and has
// that life left, and reports whether it did; zero means the service's own wish.
func (s *Slot) Cached(tok *messages.Token, minTTL time.Duration) bool {
	h, now := s.atHand(minTTL)
	if h == nil || h.fill(tok, now) != nil { // if that fails, the actor will say so
		return false
	}
	s.hits.Add(1)
	return true
}

// AppendCached is [Slot.Cached] for a caller who overwrites the value when it has
// served: it is appended to dst, and tok is without it.
func (s *Slot) AppendCached(dst []byte, tok *messages.Token, minTTL time.Duration) ([]byte, bool) {
	h, now := s.atHand(minTTL)
	if h == nil {
		return dst, false
	}
	out, err := h.box.AppendTo(dst)
	if err != nil {
		return dst, false
	}
	h.show(tok, now)
	*tok = tok.WithValue(messages.Secret{})
	s.hits.Add(1)
	return out, true
}

// atHand returns the token that can be handed out at once and has that life left, nil
// if there is none.
func (s *Slot) atHand(minTTL time.Duration) (*held, schedule.Instant) {
	h := s.ready.Load()
	if h == nil {
		return nil, schedule.Instant{}
	}
	now := s.clock.Now()
	if !h.enough(now, minTTL) || s.ending.Load() != nil {
		return nil, now
	}
	return h, now
}

// Enough reports whether Cached would succeed.
func (s *Slot) Enough(minTTL time.Duration) bool {
	h := s.ready.Load()
	return h != nil && h.enough(s.clock.Now(), minTTL) && s.ending.Load() == nil
}

// Living makes tok the service's token if that lives, however short, and reports
// whether it did.
func (s *Slot) Living(tok *messages.Token) bool {
	now, st := s.clock.Now(), s.state.Load()
	return st.living(now) && !s.Ending() && st.held.fill(tok, now) == nil
}

// Expired reports whether the service has no living token.
func (s *Slot) Expired() bool { return !s.state.Load().living(s.clock.Now()) }

// Turning reports whether the service's token has died as it was to, so recently that
// the next one may come any moment: no one is told of trouble yet.
func (s *Slot) Turning() bool { return s.state.Load().turning(s.clock.Now()) }

// Unready reports whether the service counts against the node's readiness: it is
// required and was needed, but has no living token.
func (s *Slot) Unready() bool {
	st := s.state.Load()
	return st.needed && s.options.Load().Required && !st.living(s.clock.Now())
}

// Info returns everything about the service's token but the token.
func (s *Slot) Info() messages.TokenInfo {
	o := s.options.Load()
	info := s.state.Load().info(s.clock.Now())
	info.ScopesMissing = o.missing(info.Scopes)
	info.Service, info.Provider, info.Required, info.Eager = s.name, o.Kind, o.Required, o.Eager
	info.Counters = s.counters()
	return info
}

func (s *Slot) counters() messages.Counters {
	return messages.Counters{
		Hits: s.hits.Load(), Misses: s.misses.Load(),
		Refreshes: s.refreshes.Load(), Failures: s.failures.Load(),
	}
}

// Down notes that the actor is down and starts again at that time. Callers who
// wait for it are told, and so is the gate, lest a place be kept for an actor that
// cannot use it. It is the supervisor's.
func (s *Slot) Down(until schedule.Instant) {
	s.down.Store(&until)
	if c := s.gone.Swap(nil); c != nil {
		close(*c)
	}
	if f := s.state.Load().flight; f.phase == queued && f.gate != nil {
		s.env.Root.Send(f.gate, &gate.Release{Service: s.name, Flight: f.number})
	}
}

// Lost notes that what was in the actor's mailbox is lost. It is the supervisor's.
func (s *Slot) Lost() { s.routed.Store(0) }

// Up notes that the actor runs again. It is the supervisor's.
func (s *Slot) Up() {
	s.down.Store(nil)
	s.rare().restarts.Add(1)
}

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
func (s *Slot) Gone() { close(s.goneChan()) }

// goneChan returns the channel that is closed when the actor will not answer what
// was sent to it: it is down, or the service has ended.
func (s *Slot) goneChan() chan struct{} {
	if c := s.gone.Load(); c != nil {
		return *c
	}
	c := make(chan struct{})
	if s.gone.CompareAndSwap(nil, &c) {
		return c
	}
	return *s.gone.Load()
}

// Airborne returns a channel that is closed when the acquisition under way has
// ended, and those of earlier services of that name, nil if there is none. It is
// the supervisor's.
func (s *Slot) Airborne() <-chan struct{} {
	if f := s.state.Load().flight; f.phase == flying || f.phase == stuck {
		return f.done
	}
	return s.before
}

// leave puts the outcome where the actor finds it, unless that of a later flight
// is there.
func (s *Slot) leave(l *landing) {
	for {
		there := s.landed.Load()
		if there != nil && there.flight > l.flight {
			return
		}
		if s.landed.CompareAndSwap(there, l) {
			return
		}
	}
}

// Occurrence says that something happened to the service now.
func (s *Slot) Occurrence() messages.Occurrence {
	now, st := s.clock.Now(), s.state.Load()
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
