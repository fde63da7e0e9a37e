package token

import (
	"time"

	"tokend/actors/provider"
	"tokend/actors/schedule"
)

// decision is what to do about a caller who wants a token.
type decision uint8

const (
	answer decision = iota // hand out the living token
	refuse                 // tell why there is none
	join                   // wait for the attempt that is under way or planned
	launch                 // make an attempt and wait for it
)

// decide says what to do about a caller who wants a token with that life left.
func (s *State) decide(now schedule.Instant, asked time.Duration) decision {
	switch {
	case s.enough(now, asked), s.succeeded() && s.living(now):
		return answer
	case s.flight.phase == queued, s.flight.phase == flying:
		return join
	case !s.want.IsZero() && !s.living(now) && s.flight.phase == grounded:
		return join
	case s.waitForTurn(now):
		return join
	case s.backoff(now), s.flight.phase == stuck:
		if s.living(now) {
			return answer
		}
		return refuse
	case !s.living(now):
		return launch
	case s.mayStart(now).Until(now) > 0:
		return answer // too soon after the last attempt, and the token does
	default:
		return launch
	}
}

// backoff reports whether no caller may cause an attempt at now because the last
// one brought no new token.
func (s *State) backoff(now schedule.Instant) bool {
	return s.halted() || !s.nextTry.IsZero() && !s.nextTry.Reached(now)
}

// mayStart returns when a caller may cause an attempt: now, or when the last one
// is long enough ago.
func (s *State) mayStart(now schedule.Instant) schedule.Instant {
	return s.spaced(now, now, schedule.MinGap)
}

// spaced returns at, or the moment gap after the last attempt if that is later.
func (s *State) spaced(now, at schedule.Instant, gap time.Duration) schedule.Instant {
	if s.flight.began.IsZero() {
		return at
	}
	return schedule.Latest(now, at, s.flight.began.Add(gap))
}

// attempt returns when the next attempt is due, whether somebody asked for it or
// the schedule demands it; zero if none is.
func (s *State) attempt(now schedule.Instant) schedule.Instant {
	if s.flight.phase != grounded {
		return schedule.Instant{}
	}
	return schedule.Earliest(now, s.want, s.scheduled(now), s.more().probe)
}

// minSpacing keeps an IdP that issues tokens of milliseconds from being asked
// without end. It is less than half of the shortest sensible lifetime.
const minSpacing = schedule.MinGap / 4

// scheduled returns when the schedule demands the next attempt.
func (s *State) scheduled(now schedule.Instant) schedule.Instant {
	alive := s.keepAlive(now)
	switch {
	case s.halted():
		return schedule.Instant{}
	case s.firm() && !s.nextTry.IsZero():
		return s.nextTry
	case s.succeeded():
		return alive
	case !s.needed && s.failure == nil: // nobody wants the token that keeping alive brought
		return alive
	case !s.nextTry.IsZero():
		return schedule.Earliest(now, s.nextTry, alive)
	case !s.living(now):
		return s.mayStart(now)
	case s.held.at.Refresh.IsZero():
		return alive
	default:
		return schedule.Earliest(now, s.spaced(now, s.held.at.Refresh, minSpacing), alive)
	}
}

// next returns when the actor must look at the state again, zero if only a
// message can change anything.
func (s *State) next(now schedule.Instant) schedule.Instant {
	at := s.attempt(now)
	if s.flight.phase != grounded {
		at = s.flight.deadline
	}
	if s.held != nil && !s.barred() {
		if !s.expired {
			at = schedule.Earliest(now, at, s.held.at.Expiry)
		}
		if s.warns(now) {
			at = schedule.Earliest(now, at, s.held.at.Warn)
		}
		if s.untold {
			at = schedule.Earliest(now, at, s.reissue().Over())
		}
	}
	if p := s.successor(); p != nil {
		at = schedule.Earliest(now, at, p.at)
	}
	for _, o := range s.more().overdue {
		at = schedule.Earliest(now, at, o.at)
	}
	return at
}

// warns reports whether the warning about the token at hand is still to be given.
func (s *State) warns(now schedule.Instant) bool {
	quiet := s.held != nil && (s.held.quiet() || s.successor() != nil && !s.held.warnAlways)
	return !s.warned && s.living(now) && (s.failure != nil || !quiet)
}

// sameAgain reports whether what landed is the token at hand, living no longer
// than was known. IdPs that count in seconds let the same expiry appear to move
// by that much. Longer than that it lives only where a setting says how long.
func (s *State) sameAgain(l *landing) bool {
	if s.held == nil || s.held.token.Fingerprint != l.fingerprint {
		return false
	}
	left, expires := s.held.left(l.asked)
	switch {
	case l.unfit != nil:
		return l.unfit.Dead || expires && l.unfit.Reason == provider.ReasonNoLifetime
	case !expires:
		return true
	case l.life == 0:
		return false
	default:
		return l.life <= left+s.held.slack()
	}
}

// slack is by how much a token's expiry may appear to move without moving.
func (h *held) slack() time.Duration { return min(2*time.Second, h.life/4) }

// inRow returns the how manieth attempt in a row it is that ends like this.
func (s *State) inRow(class string) int32 {
	last := ""
	if s.failure != nil {
		last = s.failure.Class
	}
	if s.streak == 0 || pace(last) != pace(class) {
		return 1
	}
	return s.streak + 1
}
