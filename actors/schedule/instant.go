package schedule

import (
	"math"
	"time"
)

// Instant is a moment as both clocks show it: the wall clock and a monotonic
// clock with an origin of the reader's choice. The zero Instant means "never".
type Instant struct {
	wall int64 // nanoseconds since the Unix epoch
	mono int64 // nanoseconds since the origin
}

// At returns the Instant at which the wall clock shows wall and the monotonic
// clock mono.
func At(wall time.Time, mono time.Duration) Instant {
	return Instant{wall: wall.UnixNano(), mono: int64(mono)}
}

// Add returns the Instant d after i.
func (i Instant) Add(d time.Duration) Instant {
	return Instant{wall: i.wall + int64(d), mono: i.mono + int64(d)}
}

// AddElapsed returns the Instant at which d has passed since i by the monotonic
// clock, whatever is done to the wall clock. It is for waits, not for times of
// day: it has no Time.
func (i Instant) AddElapsed(d time.Duration) Instant {
	return Instant{wall: math.MaxInt64 / 2, mono: i.mono + int64(d)}
}

// IsZero reports whether i is the zero Instant.
func (i Instant) IsZero() bool { return i == Instant{} }

// Until returns how long after now i comes, by the clock that says the least.
// It is not positive when either clock has reached i.
func (i Instant) Until(now Instant) time.Duration {
	return time.Duration(min(i.wall-now.wall, i.mono-now.mono))
}

// Reached reports whether either clock has reached i. The zero Instant is never
// reached.
func (i Instant) Reached(now Instant) bool {
	return !i.IsZero() && i.Until(now) <= 0
}

// Elapsed returns how long ago since was, by the monotonic clock alone.
func (i Instant) Elapsed(since Instant) time.Duration {
	return time.Duration(i.mono - since.mono)
}

// Drift returns by how much the wall clock has moved against the monotonic clock
// between since and i.
func (i Instant) Drift(since Instant) time.Duration {
	return time.Duration((i.wall - since.wall) - (i.mono - since.mono))
}

// Time returns what the wall clock shows at i, in UTC; the zero Time for the
// zero Instant.
func (i Instant) Time() time.Time {
	if i.IsZero() {
		return time.Time{}
	}
	return time.Unix(0, i.wall).UTC()
}

// Shown returns when i comes as the wall clock shows it at now, in UTC; the zero
// Time for the zero Instant. It is what Time returns unless the wall clock was
// set back since i was planned: then the monotonic clock knows better.
func (i Instant) Shown(now Instant) time.Time {
	if !i.SetBack(now) {
		return i.Time()
	}
	return time.Unix(0, now.wall+i.mono-now.mono).UTC()
}

// SetBack reports whether the wall clock was set back since i was planned.
func (i Instant) SetBack(now Instant) bool {
	return !i.IsZero() && now.Drift(i) <= -clockNoise
}

// clockNoise is by how much the clocks may differ without meaning anything: the
// wall clock is steered all the time.
const clockNoise = time.Second

// Earliest returns the instant that comes first after now, leaving out those
// that never come.
func Earliest(now Instant, instants ...Instant) Instant {
	var first Instant
	for _, i := range instants {
		if !i.IsZero() && (first.IsZero() || i.Until(now) < first.Until(now)) {
			first = i
		}
	}
	return first
}

// Latest returns the later of two instants, seen from now.
func Latest(now, a, b Instant) Instant {
	if a.Until(now) < b.Until(now) {
		return b
	}
	return a
}
