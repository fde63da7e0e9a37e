package token

import (
	"strconv"
	"time"

	"tokend/actors/provider"
	"tokend/actors/schedule"
	"tokend/messages"
)

// What is known of a token whose server hands it out again and again until it dies,
// and a new one only then. Asked for it once more, the server has done nothing wrong.

// lasts reports whether the token is known to be handed out until it dies. A token
// that lies on this machine never is: whoever puts the next one there may be late.
func (h *held) lasts() bool {
	return (h.repeated && !h.local || h.atExpiry) && !h.at.Expiry.IsZero()
}

// quiet reports whether the token needs no warning before its end while nothing fails.
func (h *held) quiet() bool { return h.lasts() && !h.warnAlways }

// reissue returns what decides when such a token is asked for next.
func (s *State) reissue() schedule.Reissue {
	h := s.held
	return schedule.Reissue{
		Refresh: h.at.Refresh, Expiry: h.at.Expiry, End: h.at.Expiry.Add(h.tail),
		Asked: int(s.asked), AtExpiry: h.atExpiry,
	}
}

// turning reports whether such a token has died so recently that the next one may come
// any moment: no one is told of trouble yet, and callers wait.
func (s *State) turning(now schedule.Instant) bool {
	return s.held != nil && s.held.lasts() && !s.invalidated && s.reissue().Turning(now)
}

// stayQuiet reports whether a failure of that class is no news yet.
func (s *State) stayQuiet(now schedule.Instant, class string) bool {
	return class != messages.ClassRejected && s.turning(now)
}

// keepTurn has such a token asked for at its own pace after an attempt that brought no
// new one, but that outcome. Pause is what the back-off wants.
func (s *State) keepTurn(now schedule.Instant, o schedule.Outcome, pause time.Duration) {
	if s.held == nil || !s.held.lasts() || s.invalidated || s.forced || o.Class == messages.ClassRejected {
		return
	}
	next := s.reissue().Next(now)
	if next.IsZero() {
		return
	}
	if o.RetryAfter > 0 || o.Firm() {
		next = schedule.Latest(now, next, now.Add(pause))
	}
	s.nextTry = next
}

// bound takes nothing for a longer life of a token than what was stated of it before:
// the earliest end stays, whatever is said later. It returns l if that changes nothing.
func (s *State) bound(l *landing) *landing {
	firm := s.firmEnd(l.fingerprint)
	if l.unfit != nil || firm.IsZero() {
		return l
	}
	left := firm.Elapsed(l.asked) // the wall clock may have been put right since; a server that slept has another token
	if l.life > 0 && l.life <= left {
		return l
	}
	bounded := *l
	bounded.life, bounded.stated, bounded.firm = left, left, left
	if left <= l.took {
		bounded.life, bounded.unfit = 0, &provider.Error{Class: messages.ClassMalformed, Dead: true, Text: textOutlived}
	}
	return &bounded
}

const textOutlived = "the same token came again, which has expired by what was said of it before"

// outlived reports whether the token at hand came again too long after its end: the
// server fails to hand out another.
func (s *State) outlived(now schedule.Instant, l *landing) bool {
	return l.unfit != nil && !s.held.at.Expiry.IsZero() && s.reissue().Over().Reached(now)
}

// waitForTurn reports whether a caller waits for the token that is to follow one that
// has just died.
func (s *State) waitForTurn(now schedule.Instant) bool {
	if !s.turning(now) || s.flight.phase != grounded {
		return false
	}
	return s.failure == nil || s.nextTry == s.reissue().End && !s.nextTry.Reached(now)
}

// firmEnd returns the earliest end that the server ever stated of a token; zero if it
// is not known, or none was stated.
func (s *State) firmEnd(fingerprint string) schedule.Instant {
	if s.held != nil && s.held.token.Fingerprint == fingerprint {
		return s.held.firm
	}
	for e := s.ended; e != nil; e = e.before {
		if e.name == nameOf(fingerprint) {
			return e.firm
		}
	}
	return schedule.Instant{}
}

// ended is what was stated of a token that was replaced. It is immutable, and small:
// most services have one.
type ended struct {
	name   uint64
	firm   schedule.Instant
	before *ended // of an earlier one; only the last two count
}

// nameOf returns the fingerprint as a number.
func nameOf(fingerprint string) uint64 {
	name, _ := strconv.ParseUint(fingerprint, 16, 64)
	return name
}

// rememberEnd keeps what was stated of a token that has been replaced by another: a
// server that hands out several in turn may say something else later.
func (s *State) rememberEnd(h *held) {
	if h == nil || h.firm.IsZero() || h.token.Fingerprint == s.held.token.Fingerprint {
		return
	}
	e := &ended{name: nameOf(h.token.Fingerprint), firm: h.firm}
	for b := s.ended; b != nil && e.before == nil; b = b.before {
		if b.name != e.name {
			e.before = &ended{name: b.name, firm: b.firm}
		}
	}
	s.ended = e
}

// repeat goes on with the token at hand after the IdP handed it out again. Its
// schedule stays that of its birth; planned by what is left of its life, the
// attempts would come faster and faster.
func (k *keeper) repeat(now schedule.Instant, l *landing) {
	before := k.state()
	h := *before.held
	h.repeated = true
	h.takeEnd(now, l, k.options())
	k.change(func(s *State) {
		s.touchDown(l)
		s.used(l.asked, k.options())
		s.acquiredWith(0)
		s.trust()
		s.setProbe(now, l.probe)
		s.streak = before.inRow("")
		s.failure, s.slow, s.forced = nil, false, false
		s.held = &h
		if h.lasts() {
			s.streak = 1 // the pauses between such answers say nothing of the next one
		}
		if (s.barred() || s.expired) && !h.at.Expiry.Reached(now) {
			s.expired, s.untold, s.since = false, false, now
		}
		s.invalidated, s.suspect = false, false // the IdP stands by it
		if h.at.Expiry.IsZero() {
			s.nextTry = schedule.Instant{}
			return
		}
		s.postpone(now, schedule.Outcome{Streak: int(s.streak)}, k.env.Roll())
	})
	k.slot.succeeded(l.took)
	k.announce(now)
	k.settleWaiters(now, nil)
}

// takeEnd notes what was stated of the token when it was handed out again: it may die
// earlier than it was said to, never later.
func (h *held) takeEnd(now schedule.Instant, l *landing, o *Options) {
	if l.unfit != nil {
		if l.unfit.Dead && !h.at.Expiry.Reached(now) {
			h.endAt(now, now, o)
		}
		return
	}
	if l.firm > 0 && !o.Unkept {
		h.firm = schedule.Earliest(now, h.firm, l.asked.Add(l.firm))
	}
	if l.life > 0 {
		h.endAt(l.asked.Add(l.life), l.asked.Add(l.stated), o)
	}
}

// endAt makes the token die at expiry if that is earlier than was known. IdPs that
// count in seconds let the same end appear to move by that much: then the rest of the
// schedule stays, as does the end from which on a new token is expected.
func (h *held) endAt(expiry, stated schedule.Instant, o *Options) {
	earlier := h.at.Expiry.Until(expiry)
	switch {
	case h.at.Expiry.IsZero(), earlier > h.slack(), earlier > 0 && expiry.Until(h.at.Warn) <= 0:
		h.schedule(max(expiry.Elapsed(h.birth), 1), o)
		h.tail = max(stated.Until(expiry), 0)
		h.dieAt(expiry)
	case earlier > 0:
		h.tail, h.life = h.tail+earlier, h.life-earlier
		h.dieAt(expiry)
	}
}

// dieAt sets when the token dies, without another plan.
func (h *held) dieAt(expiry schedule.Instant) {
	h.at.Expiry, h.token.ExpiresAt = expiry, expiry.Time()
	if h.atExpiry {
		h.at.Refresh, h.at.Warn = expiry, expiry
	}
}

// awaitTurn plans the next request for a token of which only now it is known whether
// it is handed out until it dies.
func (s *State) awaitTurn(now schedule.Instant) {
	switch {
	case s.failure != nil || s.invalidated || s.held.at.Expiry.IsZero():
	case s.held.lasts():
		s.nextTry = s.reissue().Next(now)
	default:
		s.nextTry = schedule.Instant{}
	}
}
