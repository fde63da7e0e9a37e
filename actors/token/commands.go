package token

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/schedule"
	"tokend/messages"
)

func (k *keeper) onGetToken(c actor.Context, m *messages.GetToken, w *waiter) {
	now := k.env.Clock.Now()
	switch k.state().decide(now, m.MinTTL) {
	case answer:
		k.needNow(c)
		w.answer(k.env.Root, k.tokenReply(now, &k.slot.hits))
		return
	case refuse:
		k.slot.misses.Add(1)
		w.answer(k.env.Root, &messages.TokenReply{Err: k.state().err(k.slot.name, now)})
		return
	case join:
		k.needNow(c)
		k.wait(now, w, m.Deadline)
	case launch:
		k.demand(now)
		k.wait(now, w, m.Deadline)
	}
	k.hasten(c)
	k.settle(c)
}

func (k *keeper) onRefreshToken(c actor.Context, w *waiter) {
	now := k.env.Clock.Now()
	if st := k.state(); st.succeeded() && st.flight.phase == grounded {
		w.answer(k.env.Root, &messages.TokenInfoReply{Info: k.slot.Info()})
		return
	}
	if f := k.state().flight; f.phase == grounded || f.probe {
		k.demand(now)
		k.change(func(s *State) { s.byName = true })
	}
	k.wait(now, w, time.Time{})
	k.hasten(c)
	k.settle(c)
}

// onInvalidateToken takes the word of a caller that the token was refused. The
// pause and the back-off bound what that may cause.
func (k *keeper) onInvalidateToken(c actor.Context, m *messages.InvalidateToken, w *waiter) {
	now, st := k.env.Clock.Now(), k.state()
	h := st.held
	if reason := notHeld(h, m.Fingerprint); reason != "" {
		w.answer(k.env.Root, messages.Kept(reason))
		return
	}
	if st.invalidated {
		if st.backoff(now) || st.flight.phase == stuck { // no other will come soon
			w.answer(k.env.Root, givenUp(!st.living(now), messages.KeptNoOther))
			return
		}
		k.waitForOther(c, now, w)
		return
	}
	pressure := st.more().pressure
	if !pressure.suspicious && (h.repeated || schedule.Suspicious(now.Elapsed(h.birth))) {
		st = k.change(func(s *State) { s.editMore(func(e *extra) { e.pressure.suspicious = true }) })
	}
	switch {
	case !st.living(now):
		w.answer(k.env.Root, messages.Kept(messages.KeptExpired))
	case st.successor() != nil:
		k.giveUp(now)
		w.answer(k.env.Root, &messages.InvalidateReply{Invalidated: true})
		k.settle(c) // the one that waits is the token now
	case pressure.until.Until(now) > 0:
		w.answer(k.env.Root, messages.Kept(messages.KeptTooSoon))
	case st.failure != nil && st.backoff(now):
		k.change(func(s *State) {
			s.suspectHeld(s.failure.Class)
			s.hasten(now, k.env.Roll())
		})
		w.answer(k.env.Root, messages.Kept(messages.KeptNoOther))
		k.settle(c)
	case h.repeated:
		k.press(now)
		k.change(func(s *State) { s.suspectHeld("") }) // until the IdP has its say
		w.answer(k.env.Root, messages.Kept(messages.KeptSameToken))
		k.settle(c)
	default:
		k.press(now)
		k.giveUp(now)
		k.waitForOther(c, now, w)
	}
}

// notHeld says why a refused token is not the one that is held; empty: it is.
func notHeld(h *held, fingerprint string) string {
	switch {
	case h == nil:
		return messages.KeptNoToken
	case fingerprint != "" && fingerprint != h.token.Fingerprint:
		return messages.KeptNotCurrent
	default:
		return ""
	}
}

// givenUp returns the reply of a token that is given up, or else kept for a reason.
func givenUp(done bool, reason string) *messages.InvalidateReply {
	if done {
		return &messages.InvalidateReply{Invalidated: true}
	}
	return messages.Kept(reason)
}

// unreplaced says why a token stays, after an attempt that has ended with err.
func unreplaced(err error) string {
	if err != nil {
		return messages.KeptNoOther
	}
	return messages.KeptSameToken
}

// waitForOther makes the asker wait for what replaces the refused token.
func (k *keeper) waitForOther(c actor.Context, now schedule.Instant, w *waiter) {
	w.refused = k.state().held.token.Fingerprint
	k.wait(now, w, time.Time{})
	k.hasten(c)
	k.settle(c)
}

// press makes an attempt on behalf of a caller who reported a refused token, and
// begins the pause before the next of that kind.
func (k *keeper) press(now schedule.Instant) {
	k.demand(now)
	k.change(func(s *State) {
		begin := now
		if s.flight.phase == grounded {
			begin = s.want
		}
		s.editMore(func(e *extra) {
			e.pressure.pause = schedule.InvalidationPause(e.pressure.pause, e.pressure.suspicious)
			if s.held.lasts() && s.reissue().Spent() {
				e.pressure.pause = schedule.SpentPause
			}
			e.pressure.until = begin.Add(e.pressure.pause)
			e.pressure.suspicious = false
		})
	})
}

// needNow notes that somebody needs the token. The first may find one that was
// acquired to keep a login alive: from now on it is replaced in time.
func (k *keeper) needNow(c actor.Context) {
	if !k.state().needed {
		now := k.env.Clock.Now()
		k.change(func(s *State) {
			if s.needed = true; s.outdated() { // no one needed what was configured anew then
				s.force(now)
			}
		})
		k.settle(c)
	}
}

// demand plans an attempt as soon as one may start, on a caller's behalf.
func (k *keeper) demand(now schedule.Instant) {
	k.change(func(s *State) {
		if !s.needed {
			s.needed, s.since = true, now
		}
		if s.flight.phase == grounded || s.flight.probe {
			s.want = schedule.Earliest(now, s.want, s.mayStart(now))
		}
	})
}

// tokenReply answers with the living token and counts the answer.
func (k *keeper) tokenReply(now schedule.Instant, counter interface{ Add(uint64) uint64 }) messages.Reply {
	r := &messages.TokenReply{}
	if err := k.state().held.fill(&r.Token, now); err != nil {
		k.slot.misses.Add(1)
		return &messages.TokenReply{Err: k.slot.err(messages.ErrUnavailable, err)}
	}
	counter.Add(1)
	return r
}

// settleWaiters answers everybody who waited for the attempt that has ended with
// err, nil if it succeeded. Who wants a token that may come any moment waits on.
func (k *keeper) settleWaiters(now schedule.Instant, err error) {
	st := k.state()
	living := st.living(now)
	k.waiting.answerAll(now, k.env.Root, func(w *waiter) messages.Reply {
		switch w.command.(type) {
		case *messages.RefreshToken:
			return &messages.TokenInfoReply{Info: k.slot.Info(), Err: err}
		case *messages.InvalidateToken:
			return givenUp(!living || st.held.token.Fingerprint != w.refused, unreplaced(err))
		}
		if living {
			return k.tokenReply(now, &k.slot.misses)
		}
		if st.waitForTurn(now) {
			return nil
		}
		k.slot.misses.Add(1)
		return &messages.TokenReply{Err: st.err(k.slot.name, now)}
	})
}
