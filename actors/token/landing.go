package token

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/gate"
	"tokend/actors/provider"
	"tokend/actors/schedule"
	"tokend/messages"
)

// onLanded takes up the outcome that a flight has left in the slot.
func (k *keeper) onLanded(c actor.Context) {
	now := k.env.Clock.Now()
	k.mature(now)
	k.announce(now) // what died meanwhile did so before this came
	if l := k.slot.landed.Load(); l != nil {
		k.takeOver(l)
		k.slot.landed.CompareAndSwap(l, nil)
	}
	k.settle(c)
}

// takeOver lands l. If that makes the actor crash, the next incarnation tries
// again, but not for ever.
func (k *keeper) takeOver(l *landing) {
	if l.tries++; l.tries <= maxLandings {
		k.land(l)
		return
	}
	k.land(&landing{flight: l.flight, took: l.took, previous: l.previous, lost: l.lost, err: &provider.Error{
		Class: messages.ClassPanic, Text: "what the provider brought made the actor crash",
	}})
}

func (k *keeper) land(l *landing) {
	now, st := k.env.Clock.Now(), k.state()
	switch {
	case l.flight != st.flight.number, st.flight.phase == grounded:
		return // not the one that is waited for
	case st.flight.superseded:
		k.change(func(s *State) { s.touchDown(l) })
	case l.err != nil && st.flight.phase == stuck:
		k.change(func(s *State) {
			if s.touchDown(l); l.probe > 0 {
				s.setProbe(now, l.probe)
			}
		})
	case l.err != nil && st.flight.probe:
		k.probed(now, l)
	case l.err != nil:
		k.fail(now, l)
	default:
		k.take(now, st.bound(l))
	}
	k.tellNotes(l)
	k.tellLoss(now, l)
}

// take makes the best of a token.
func (k *keeper) take(now schedule.Instant, l *landing) {
	st := k.state()
	switch {
	case st.sameAgain(l) && !st.outlived(now, l):
		k.repeat(now, l)
	case l.unfit != nil:
		failed := *l
		if failed.err = l.unfit; st.flight.probe {
			k.probed(now, &failed)
			return
		}
		k.fail(now, &failed)
	default:
		k.adopt(now, l)
	}
}

// maxLandings is how often an actor may crash over one outcome.
const maxLandings = 3

// maxOverdue bounds the warnings that are still to come about tokens replaced in
// time: only refreshes that somebody asks for again and again make so many.
const maxOverdue = 16

// adopt makes the token that landed the service's.
func (k *keeper) adopt(now schedule.Instant, l *landing) {
	before, o := k.state(), k.options()
	h, from := k.newHeld(before, o, l), schedule.Instant{}
	if l.notBefore > 0 {
		from = l.asked.Add(l.notBefore)
	}
	if !from.IsZero() && !from.Reached(now) && before.mayAwait(now, h) {
		k.await(now, h, from, l)
		return
	}
	k.change(func(s *State) {
		s.succeed(now, l, o)
		s.acquiredWith(0)
		s.hand(now, h, from, o)
	})
	k.slot.succeeded(l.took)
	k.tellNew(now, before, l.took)
}

// succeed ends a flight that brought a token.
func (s *State) succeed(now schedule.Instant, l *landing, o *Options) {
	s.touchDown(l)
	s.used(l.asked, o)
	s.recover()
	s.forced = false
	if s.flight.probe { // who wanted another attempt has a token now
		s.want, s.byName = schedule.Instant{}, false
	}
	s.trust()
	s.setProbe(now, l.probe)
}

// recover forgets what was wrong.
func (s *State) recover() { s.failure, s.streak, s.nextTry, s.slow = nil, 0, schedule.Instant{}, false }

// hand makes h the token to be handed out, which begins to be valid at from.
func (s *State) hand(now schedule.Instant, h *held, from schedule.Instant, o *Options) {
	before, lived := s.held, s.living(now)
	if o.WarnAlways && lived && !s.warned && s.life() > 0 {
		s.editMore(func(e *extra) {
			e.overdue = append(slices.Clone(e.overdue), overdue{before.at.Warn, before})
			e.overdue = e.overdue[max(0, len(e.overdue)-maxOverdue):]
		})
	}
	s.held, s.asked = h, 1
	s.invalidated, s.suspect, s.expired, s.untold, s.warned = false, false, false, false, false
	s.setPending(nil)
	s.setFrom(from)
	s.rememberEnd(before)
	s.awaitTurn(now)
	if s.extra != nil {
		s.editMore(func(e *extra) { e.pressure.suspicious = false })
	}
	if !lived {
		s.since = now
	}
}

// tellNew tells of the token at hand, which is new; before is the state without it.
func (k *keeper) tellNew(now schedule.Instant, before *State, took time.Duration) {
	k.tellScopes(before, k.state().held)
	k.tellEarly(now)
	k.announceNew(now, before, took)
	k.settleWaiters(now, nil)
}

// announceNew publishes that there is a new token; before is the state without it.
func (k *keeper) announceNew(now schedule.Instant, before *State, took time.Duration) {
	st := k.state()
	about := st.occurrence(k.slot.name, now, st.held)
	if before.held != nil && !before.barred() && (!before.expired || before.untold) {
		k.publish(&messages.TokenRefreshed{Occurrence: about, Took: took})
	} else {
		k.publish(&messages.TokenAcquired{Occurrence: about, Took: took})
	}
}

func (k *keeper) newHeld(before *State, o *Options, l *landing) *held {
	h := &held{
		token: messages.Token{
			Service: k.slot.name, Type: l.kind, ServerType: l.called, Fingerprint: l.fingerprint, Generation: 1,
			Scopes: slices.Clone(l.scopes), CreatedAt: l.asked.Time(),
		},
		birth: l.asked, roll: k.env.Roll(),
	}
	h.mark(false)
	h.keep(l.box)
	h.number(before.held)
	if l.life > 0 {
		h.schedule(l.life, o)
		h.tail = max(l.stated-l.life, 0)
	}
	if l.firm > 0 && !o.Unkept { // a file may be corrected
		h.firm = l.asked.Add(l.firm)
	}
	return h
}

// number counts the token after the one before it, nil if there was none.
func (h *held) number(before *held) {
	if before != nil {
		h.token.Generation = before.token.Generation + 1
	}
}

// schedule plans the token's life.
func (h *held) schedule(life time.Duration, o *Options) {
	plan := schedule.NewPlan(life, o.Policy, h.roll)
	h.life, h.lead, h.at = plan.Life, plan.Lead, plan.Deadlines(h.birth)
	h.minLeft = schedule.MinLeft(0, life, o.Policy)
	h.atExpiry, h.warnAlways, h.local = o.AtExpiry, o.WarnAlways, o.Unkept
	if h.atExpiry { // until then nothing is due, and nothing to be wished for
		h.at.Refresh, h.at.Warn, h.minLeft = h.at.Expiry, h.at.Expiry, 0
	}
	h.token.ExpiresAt = h.at.Expiry.Time()
}

// fail notes that the attempt failed and when to make the next one.
func (k *keeper) fail(now schedule.Instant, l *landing) {
	before, err := k.state(), l.err
	st := k.change(func(s *State) {
		s.touchDown(l)
		class := s.weigh(now, err, k.options())
		s.doubt(now, class)
		if l.probe > 0 {
			s.setProbe(now, l.probe)
		}
		s.streak = before.inRow(class)
		s.slow = err.TimedOut
		s.postpone(now, s.outcome(class, err), k.env.Roll())
		s.failure = &messages.Failure{
			Class: class, Text: err.Text, At: now.Time(), Attempts: 1, NextTry: s.nextTry.Time(),
		}
		if before.failure != nil {
			s.failure.Attempts = before.failure.Attempts + 1
		}
	})
	k.slot.failed(st.failure.Class, l.took)
	k.tellPatience(err)
	if err.Stack != "" && (before.failure == nil || before.failure.Text != err.Text) {
		k.env.Log.WithField("service", k.slot.name).WithField("stack", err.Stack).Error("provider panicked")
	}
	if st.stayQuiet(now, st.failure.Class) {
		k.settleWaiters(now, st.err(k.slot.name, now))
		return
	}
	k.publish(&messages.RefreshFailed{
		Occurrence: st.occurrence(k.slot.name, now, st.held), Failure: *st.lastError(now), Took: l.took,
	})
	if before.suspect && before.living(now) && !st.living(now) {
		k.publish(&messages.TokenInvalidated{Occurrence: st.occurrence(k.slot.name, now, st.held)})
	}
	k.settleWaiters(now, st.err(k.slot.name, now))
}

// touchDown ends the flight that brought l. What the provider wants to have again
// is kept even if the token is not wanted: it may be a refresh token that was
// rotated.
func (s *State) touchDown(l *landing) {
	s.end()
	s.flight.phase, s.flight.cancel, s.flight.over, s.flight.done = grounded, nil, nil, nil
	if !l.previous.IsZero() {
		s.editMore(func(e *extra) { e.previous = l.previous })
	}
}

// loseFlight notes that a flight is long overdue. A provider that does not heed
// its context may still return: until it does, nothing else is tried, as it may
// be about to use up a refresh token. What it brings then is taken.
func (k *keeper) loseFlight(c actor.Context, now schedule.Instant) {
	f := k.state().flight
	switch {
	case f.phase == grounded || !f.deadline.Reached(now):
	case f.phase == flying && !isClosed(f.over): // the process was stopped, and its time is not up yet
		k.change(func(s *State) { s.flight.deadline = now.AddElapsed(mercy) })
	case f.phase == queued:
		k.change(func(s *State) { s.flight.deadline = now.AddElapsed(gatePatience) })
		k.queueUp(c)
	case f.phase == flying:
		if f.gate != nil {
			c.Send(f.gate, &gate.Release{Service: k.slot.name, Flight: f.number})
		}
		k.giveUpOn(now, f)
	default:
		k.change(func(s *State) {
			if f.probe {
				s.setProbe(now, probeAgain)
			} else {
				s.postpone(now, s.outcome(messages.ClassTransient, &provider.Error{}), k.env.Roll())
			}
			s.beStuck(f, now)
		})
		k.settleWaiters(now, k.state().err(k.slot.name, now))
	}
}

// giveUpOn notes that a flight has not ended though its time is up.
func (k *keeper) giveUpOn(now schedule.Instant, f flight) {
	l := &landing{
		err:  &provider.Error{Class: messages.ClassTransient, TimedOut: true, Text: textStuck},
		took: now.Elapsed(f.began),
	}
	if f.probe {
		k.probed(now, l)
	} else {
		k.fail(now, l)
	}
	k.change(func(s *State) { s.beStuck(f, now) })
}

const textStuck = "the provider has not returned, though its time is up"

// beStuck leaves the flight in the air until the next try would be due.
func (s *State) beStuck(f flight, now schedule.Instant) {
	again := s.nextTry
	if f.probe {
		again = s.more().probe
	}
	s.flight = f
	s.flight.phase, s.flight.deadline = stuck, now.AddElapsed(again.Until(now))
}

// postpone chooses the next try after one that brought no new token, but that
// outcome.
func (s *State) postpone(now schedule.Instant, o schedule.Outcome, roll float64) {
	deadlines := s.deadlines(now)
	if o.Living = deadlines != nil; o.Living {
		o.Left, _ = s.held.left(now)
		if o.Firm() {
			deadlines = new(deadlines.WithoutChances())
		}
	}
	pause := schedule.Pause(o, roll)
	s.nextTry = schedule.NextTry(now, pause, deadlines, s.forced || s.invalidated || s.mustUse(now))
	s.keepTurn(now, o, pause)
}

// pace tells classes of outcome apart by how the next attempt is chosen.
func pace(class string) string {
	switch class {
	case "", messages.ClassRejected:
		return class
	default:
		return messages.ClassTransient
	}
}
