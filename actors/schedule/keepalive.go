package schedule

import "time"

// maxEarly is the part of a keep-alive interval by which it is shortened at most.
const maxEarly = 10

// KeepAlive returns when something that was used last at last must be used again,
// so that it does not die of disuse: after every, less a jitter that the roll
// draws. Without an interval that is never.
func KeepAlive(last Instant, every time.Duration, roll float64) Instant {
	if every <= 0 {
		return Instant{}
	}
	return last.Add(every - portion(every/maxEarly, roll))
}
