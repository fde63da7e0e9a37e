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

	retryAfterCap  = time.Hour       // what an API asks for is honoured that long
	retryAfterPage = 5 * time.Minute // and what a page asks for
	retryJitter    = 10              // the part of a told pause that its jitter is at most

	refusedBase = 30 * time.Second // credentials of a client, keys, refresh tokens
	refusedCap  = 15 * time.Minute

	personFirst = 5 * time.Minute // the credentials of a person
	personBase  = time.Hour
	personCap   = 6 * time.Hour

	sparingPause = 5 * time.Minute

	youngAge      = time.Minute // of a token that was invalidated suspiciously early
	invalidateMin = time.Second
	invalidateMax = 5 * time.Minute
)

// Outcome is what the choice of the next attempt depends on.
type Outcome struct {
	Class      string        // class of the failure; empty: the IdP handed the same token out again
	Streak     int           // how many such outcomes in a row, from 1; refusals are counted since the last success
	Person     bool          // the credentials are those of a person, whom a lock-out policy may watch
	Sparing    bool          // the next attempt must not come within 5 min
	RetryAfter time.Duration // what the IdP asked for; 0: nothing
	Page       bool          // a page asked for that, not the API
	Wait       time.Duration // what the provider knows to be right; 0: it does not
	Living     bool          // whether there is a living token
	Left       time.Duration // what is left of its life; 0: it does not expire
}

// Pause returns how long to wait before the next attempt.
func Pause(o Outcome, roll float64) time.Duration {
	pause := o.usual(roll)
	switch {
	case o.Wait > 0:
		return o.Wait
	case o.Class == messages.ClassRejected && o.Person:
		pause = personPause(o.Streak)
	case o.Class == messages.ClassRejected:
		pause = double(refusedBase, refusedCap, o.Streak)
	case o.Class == messages.ClassThrottled && o.RetryAfter > 0:
		pause = o.told(pause, roll)
	}
	if o.Sparing {
		pause = max(pause, sparingPause)
	}
	return pause
}

// usual returns the back-off with full jitter.
func (o Outcome) usual(roll float64) time.Duration {
	limit := backoffDead
	if o.Living {
		limit = backoffLiving
	}
	return max(portion(double(backoffBase, limit, o.Streak), roll), backoffFloor)
}

// personPause returns how long the credentials of a person are left alone after
// they were refused n times. No lock-out policy counts attempts that far apart.
func personPause(n int) time.Duration {
	if n <= 1 {
		return personFirst
	}
	return double(personBase, personCap, n-1)
}

// told returns the pause that the IdP asked for, with a jitter after it. What is too
// long ends at its bound, less a jitter. A living token leaves room for another
// attempt: half of what is left of it, but the usual back-off is the least.
func (o Outcome) told(usual time.Duration, roll float64) time.Duration {
	honoured, capped := Honoured(o.RetryAfter, o.Page)
	pause := honoured + portion(honoured/retryJitter, roll)
	if capped {
		pause = honoured - portion(honoured/retryJitter, roll)
	}
	if o.Living && o.Left > 0 {
		if half := max(o.Left/2, usual); o.RetryAfter > half {
			pause = min(pause, half-portion(half/retryJitter, roll))
		} else {
			pause = min(pause, half)
		}
	}
	return max(pause, backoffFloor)
}

// Honoured returns how much of what an IdP asks for is honoured, and whether that is
// less.
func Honoured(retryAfter time.Duration, page bool) (honoured time.Duration, capped bool) {
	limit := retryAfterCap
	if page {
		limit = retryAfterPage
	}
	return min(retryAfter, limit), retryAfter > limit
}

// Firm reports whether the pause counts whatever becomes of the token: what is sent
// may lock an account.
func (o Outcome) Firm() bool {
	return o.Wait > 0 || o.Sparing || o.Class == messages.ClassRejected && o.Person
}

// NextTry returns when to try again after an outcome at now. Whatever the pause,
// a living token is tried to replace at its last chance and at its expiry; and
// not before its refresh point, unless the attempt was not for the token's sake.
func NextTry(now Instant, pause time.Duration, living *Deadlines, forced bool) Instant {
	next := now.Add(pause)
	if living == nil || living.Refresh.IsZero() {
		return next
	}
	if !forced {
		next = Latest(now, next, living.Refresh)
	}
	for _, chance := range []Instant{living.LastChance, living.Expiry} {
		if !chance.IsZero() && !chance.Reached(now) {
			return Earliest(now, next, chance)
		}
	}
	return next
}

// WithoutChances returns the deadlines of a token whose last chances are not taken,
// see [Outcome.Firm].
func (d Deadlines) WithoutChances() Deadlines { return Deadlines{Refresh: d.Refresh, Warn: d.Warn} }

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
