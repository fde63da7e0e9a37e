package schedule

import (
	"time"

	"tokend/messages"
)

const (
	// MinGap is the least time between the starts of two acquisitions that callers
	// cause.
	MinGap = time.Second

	backoffBase   = time.Second
	backoffLiving = time.Minute      // cap while a living token is served
	backoffDead   = 30 * time.Second // cap while callers get errors
	backoffFloor  = 100 * time.Millisecond

	retryAfterCap = time.Hour

	probeFloor   = 30 * time.Second // rejected credentials
	probeCeiling = 5 * time.Minute
	probeCap     = time.Hour

	youngAge      = time.Minute // of a token that was invalidated suspiciously early
	invalidateMin = time.Second
	invalidateMax = 5 * time.Minute
)

// Outcome is what the choice of the next attempt depends on.
type Outcome struct {
	Class      string        // class of the failure; empty: the IdP handed the same token out again
	Streak     int           // how many such outcomes in a row, from 1
	RetryAfter time.Duration // what the IdP asked for; 0: nothing
	Life       time.Duration // lifetime of the token at hand; 0: there is none
	Living     bool          // whether that token still lives
}

// Pause returns how long to wait before the next attempt.
func Pause(o Outcome, roll float64) time.Duration {
	switch o.Class {
	case messages.ClassRejected:
		return double(min(probeCeiling, max(o.Life/5, probeFloor)), probeCap, o.Streak)
	case messages.ClassThrottled:
		if o.RetryAfter > 0 {
			return min(max(o.RetryAfter, backoffFloor), retryAfterCap)
		}
	}
	limit := backoffDead
	if o.Living {
		limit = backoffLiving
	}
	return max(portion(double(backoffBase, limit, o.Streak), roll), backoffFloor)
}

// NextTry returns when to try again after an outcome at now. Whatever the pause,
// a living token is tried to replace at its last chance and at its expiry; and
// not before its refresh point, unless the attempt was not for the token's sake.
func NextTry(now Instant, pause time.Duration, living *Deadlines, forced bool) Instant {
	next := now.Add(pause)
	if living == nil || living.Expiry.IsZero() {
		return next
	}
	if !forced {
		next = Latest(now, next, living.Refresh)
	}
	for _, chance := range []Instant{living.LastChance, living.Expiry} {
		if !chance.Reached(now) {
			return Earliest(now, next, chance)
		}
	}
	return next
}

// Deadlines are a token's [Plan] on the clocks. A token without expiry has none:
// all are zero.
type Deadlines struct {
	Refresh, Warn, LastChance, Expiry Instant
}

// Deadlines returns the plan of a token born at birth.
func (p Plan) Deadlines(birth Instant) Deadlines {
	if p.Life == 0 {
		return Deadlines{}
	}
	return Deadlines{
		Refresh:    birth.Add(p.Refresh),
		Warn:       birth.Add(p.Warn),
		LastChance: birth.Add(p.LastChance),
		Expiry:     birth.Add(p.Life),
	}
}

// Suspicious reports whether a token invalidated at that age was refused so
// early that its successor may well be refused too.
func Suspicious(age time.Duration) bool { return age < youngAge }

// InvalidationPause returns how long after an acquisition that an invalidation
// caused the next invalidation may cause one. It doubles while tokens are refused
// suspiciously early.
func InvalidationPause(previous time.Duration, suspicious bool) time.Duration {
	if !suspicious || previous == 0 {
		return invalidateMin
	}
	return min(2*previous, invalidateMax)
}

const (
	restartBase = 100 * time.Millisecond
	restartCap  = 30 * time.Second
)

// RestartPause returns how long an actor stays down after its nth crash in a row.
// The first restart is immediate.
func RestartPause(n int, roll float64) time.Duration {
	if n <= 1 {
		return 0
	}
	whole := double(restartBase, restartCap, n-1)
	return whole/2 + portion(whole/2, roll)
}

// double returns base doubled n-1 times, at most limit. It stops at the limit,
// so no n overflows.
func double(base, limit time.Duration, n int) time.Duration {
	d := base
	for ; n > 1 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}
