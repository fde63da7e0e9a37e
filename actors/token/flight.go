package token

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"tokend/actors/gate"
	"tokend/actors/provider"
	"tokend/actors/schedule"
	"tokend/actors/vault"
	"tokend/messages"
)

const (
	// graceAfterTimeout is how long a provider may take to notice that its time is
	// up before the actor goes on without it.
	graceAfterTimeout = 2 * time.Second
	// gatePatience is after how long a flight in the queue asks for its place again,
	// should the gate have lost it.
	gatePatience = 30 * time.Second
	// mercy is how long a flight whose deadline came while the process was stopped, and
	// those who wait for it, have still: its provider has as long for what came in
	// meanwhile, and a little less, see [provider.Within].
	mercy = 2500 * time.Millisecond
	// busy is how late a busy machine may notice that it is time for something.
	busy = 250 * time.Millisecond
)

// missed reports whether the process was stopped when it was time: it notices far
// too late.
func missed(now, at schedule.Instant) bool { return -at.Until(now) > busy }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// takeOff begins an acquisition: with a place at the gate, if there is one.
func (k *keeper) takeOff(c actor.Context, now schedule.Instant) {
	if k.options().Credential != k.state().credential {
		k.takeUpOptions(c)
	}
	k.change(func(s *State) {
		s.flight.probe = s.probes(now)
		s.flight.byName = s.byName
		s.want, s.byName = schedule.Instant{}, false
		s.flight.number = k.env.Numbers.Add(1)
		s.flight.phase, s.flight.superseded = queued, false
		s.flight.deadline = now.AddElapsed(gatePatience)
		s.flight.gate = k.options().Gate
	})
	k.queueUp(c)
}

// queueUp asks the gate for a place, or goes on at once where there is no gate.
// Asking again for the same flight does no harm.
func (k *keeper) queueUp(c actor.Context) {
	st := k.state()
	if st.flight.gate == nil {
		k.fly(c)
		return
	}
	c.Request(st.flight.gate, &gate.Acquire{
		Service: k.slot.name, Flight: st.flight.number,
		Waiting: len(k.waiting.queue) > 0, Slow: st.slow,
	})
}

// onNoGate goes on without a place when there is no gate any more: somebody has
// stopped it.
func (k *keeper) onNoGate(c actor.Context) {
	if k.state().flight.phase == queued {
		k.env.Log.WithField("service", k.slot.name).Warn("no gate bounds acquisitions: its actor was stopped")
		k.fly(c)
		k.settle(c)
	}
}

// hasten tells the gate that somebody waits now for a flight in its queue.
func (k *keeper) hasten(c actor.Context) {
	if k.state().flight.phase == queued && len(k.waiting.queue) == 1 {
		k.queueUp(c)
	}
}

func (k *keeper) onGranted(c actor.Context, m *gate.Granted) {
	f := k.state().flight
	switch {
	case f.phase == queued && f.number == m.Flight:
		k.fly(c)
		k.settle(c)
	case f.phase != grounded && f.number == m.Flight:
		// Granted twice; the flight itself gives the place back.
	case c.Sender() != nil: // of a flight that was given up
		c.Send(c.Sender(), &gate.Release{Service: k.slot.name, Flight: m.Flight})
	}
}

// fly starts the goroutine that asks the provider. It gets copies, and gives
// back exactly one outcome.
func (k *keeper) fly(c actor.Context) {
	now, o := k.env.Clock.Now(), k.options()
	before := k.state()
	timeout := o.Policy.Timeout
	if h := before.held; before.living(now) && h.life > 0 {
		timeout = schedule.AttemptTimeout(timeout, h.lead, true)
	}
	ctx, cancel := provider.Within(context.Background(), timeout)
	done := make(chan struct{})
	st := k.change(func(s *State) {
		s.flight.phase = flying
		s.asked = min(s.asked, math.MaxInt8-1) + 1
		s.flight.began = now
		s.flight.deadline = now.AddElapsed(timeout + graceAfterTimeout)
		s.flight.cancel, s.flight.over, s.flight.done = cancel, ctx.Done(), done
		if o.personal() {
			s.begin(now)
		}
	})
	t := &trip{
		env: k.env, slot: k.slot, options: o, self: c.Self(),
		flight: st.flight.number, probe: st.flight.probe, byName: st.flight.byName, asked: now, asleep: k.env.Clock.asleep(), previous: st.more().previous, generation: 1,
	}
	t.pass = gate.Pass{
		Root: k.env.Root, Service: k.slot.name, Flight: st.flight.number, Slow: before.slow,
		Waiting: func() bool { return t.slot.waiting.Load() > 0 }, At: st.flight.gate, Grace: graceAfterTimeout,
	}
	if st.held != nil {
		t.generation = st.held.token.Generation + 1
		t.atHand = st.held.box
	}
	k.env.Flights.Go(func() {
		defer cancel()
		defer func() {
			<-t.before() // whoever waits for this flight waits for those before it
			close(done)
		}()
		t.run(ctx)
	})
}

// abort ends the flight under way, if any; what it brings is dropped. One that
// asks the IdP is told to end, and ends when it lands.
func (k *keeper) abort(c actor.Context) {
	f := k.state().flight
	switch f.phase {
	case grounded:
		return
	case queued:
		if f.gate != nil {
			c.Send(f.gate, &gate.Release{Service: k.slot.name, Flight: f.number})
		}
		k.change(func(s *State) { s.flight.phase = grounded })
	default:
		f.cancel()
		k.change(func(s *State) { s.flight.superseded = true })
	}
}

// trip is what a flight takes along.
type trip struct {
	env        *Env
	slot       *Slot
	options    *Options
	self       *actor.PID
	pass       gate.Pass
	flight     uint64
	asked      schedule.Instant
	asleep     time.Duration // of the machine, until then
	previous   vault.Sealed
	atHand     vault.Sealed // the token that is to be replaced
	generation uint64       // that a new token will have
	probe      bool
	byName     bool
}

// landing is what a flight leaves in the slot.
type landing struct {
	flight      uint64
	err         *provider.Error // nil: the rest is set
	asked       schedule.Instant
	took        time.Duration
	box         vault.Sealed
	fingerprint string
	kind        string
	called      string // kind by the server's name for it, if that is another
	scopes      []string
	life        time.Duration   // 0: no expiry
	stated      time.Duration   // the end as the server stated it: life and the second taken off it; 0: no expiry
	firm        time.Duration   // the end by what the server says alone, no setting of ours; 0: it states none
	unfit       *provider.Error // why the token is of no use, unless it is the one at hand; nil: it is of use
	notBefore   time.Duration   // from asked until the token is valid; 0: it is
	notes       []provider.Note
	previous    vault.Sealed  // zero: as before
	probe       time.Duration // after how long a lost login is to be tried by itself; 0: it is not
	lost        string        // what to do about a login that was found to be lost; empty: none was
	tries       int           // how often the actor has begun to take it; the actor's
}

// run makes the trip: it leaves the outcome in the slot, gives the place at the
// gate back and tells the actor, whatever happens on the way.
func (t *trip) run(ctx context.Context) {
	l := t.failed(&provider.Error{Class: messages.ClassPanic, Text: "the acquisition ended without an outcome"})
	defer func() {
		if r := recover(); r != nil {
			t.env.Log.WithFields(logrus.Fields{
				"service": t.slot.name, "reason": fmt.Sprintf("panic of type %T", r), "stack": string(debug.Stack()),
			}).Error("acquisition crashed")
		}
		l.flight = t.flight
		t.slot.leave(l)
		t.pass.Leave()
		t.env.Root.Send(t.self, &landed{})
	}()
	l = t.acquire(ctx)
}

// acquire asks the provider and seals what it brings.
func (t *trip) acquire(ctx context.Context) *landing {
	select {
	case <-t.before():
	case <-ctx.Done():
		return t.failed(&provider.Error{
			Class: messages.ClassTransient, TimedOut: true,
			Text: "the last acquisition of an earlier service of that name has not ended",
		})
	}
	latest := t.latest()
	previous, err := latest.Open()
	if err != nil {
		return t.failed(&provider.Error{Class: messages.ClassTransient, Text: err.Error()})
	}
	req := provider.Request{Service: t.slot.name, Asked: t.byName, Probe: t.probe}
	if !previous.IsZero() {
		req.Previous = provider.NewState([]byte(previous.Reveal()))
	}
	if atHand, err := t.atHand.Open(); err == nil && !atHand.IsZero() {
		req.Hidden = []messages.Secret{atHand}
	}
	t.announce(ctx)
	res, err := provider.Acquire(gate.WithPass(ctx, &t.pass), t.options.Provider, req)
	var l *landing
	if err != nil {
		l = t.failed(provider.Classify(err))
		res.Lost, res.Probe = l.err.Lost, l.err.Probe
	} else {
		l = t.judge(res)
	}
	l.lost, l.probe = res.Lost, res.Probe
	if !res.State.IsZero() {
		l.previous = t.seal(vault.ProviderState, t.flight, messages.NewSecret(string(res.State.Bytes())))
		if l.lost == "" || !latest.Same(t.previous) {
			t.keep(ctx, l.previous)
		} // else it says that people were told, and is kept when they have been
	}
	return l
}

// before returns what must be closed before the provider may be asked.
func (t *trip) before() <-chan struct{} {
	if t.slot.before != nil {
		return t.slot.before
	}
	return closed
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// judge turns a provider's result into an outcome.
func (t *trip) judge(res provider.Result) *landing {
	answered := t.env.Clock.Now()
	took := t.took(answered)
	asked := answered.Add(-took) // by the wall clock of now, whatever was done to it meanwhile
	life, perr := provider.Lifetime(res, asked.Time(), answered.Time(), t.options.Bounds)
	if perr == nil && life.Expires && life.Length <= took {
		perr = &provider.Error{
			Class: messages.ClassMalformed, Dead: true,
			Text: fmt.Sprintf("the token lives %s but took %s to arrive", life.Length, took.Round(time.Millisecond)),
		}
	}
	text := res.AccessToken.Reveal()
	l := &landing{
		asked: asked, took: took, life: life.Length, stated: life.Stated, notBefore: life.NotBefore, notes: life.Notes,
		kind: res.Type, called: res.ServerType, scopes: res.Scopes, fingerprint: messages.Fingerprint(text), unfit: perr,
	}
	if perr == nil {
		l.firm = t.firm(res, life, asked, answered)
		l.box = t.seal(vault.AccessToken, t.generation, res.AccessToken)
	}
	return l
}

// firm returns when the token ends by what came with it alone, counted from asked; 0
// if that says nothing. What settings say counts from each answer anew.
func (t *trip) firm(res provider.Result, life provider.Life, asked, answered schedule.Instant) time.Duration {
	if life.Source == provider.SourceMaxTTL {
		by := provider.Bounds{Default: t.options.Bounds.Default}
		life, _ = provider.Lifetime(res, asked.Time(), answered.Time(), by) // none at all, should it be absurd
	}
	if life.Source == provider.SourceDefaultTTL {
		return 0
	}
	return life.Length
}

func (t *trip) seal(part vault.Part, generation uint64, secret messages.Secret) vault.Sealed {
	return t.env.Vault.Seal(vault.Label{Service: t.slot.name, Part: part, Generation: generation}, secret)
}

func (t *trip) failed(err *provider.Error) *landing {
	return &landing{err: err, took: t.took(t.env.Clock.Now())}
}

// sleepNoise is by how much the machine may seem to have slept that was busy.
const sleepNoise = 100 * time.Millisecond

// took returns how long the trip has taken until now. While the machine slept the
// monotonic clock stood still, but a token that was on its way has aged.
func (t *trip) took(now schedule.Instant) time.Duration {
	took := now.Elapsed(t.asked)
	if slept := t.env.Clock.asleep() - t.asleep; slept > sleepNoise {
		took += slept
	}
	return took
}
