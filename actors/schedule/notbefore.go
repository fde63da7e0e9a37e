package schedule

import "time"

// adoptMost is how long a new token is held back at most.
const adoptMost = 5 * time.Minute

// Adopt returns when a token that arrived at now becomes the one that is handed out,
// while the old one lives: when it begins to be valid, but within 5 min, and before it
// is to be refreshed itself.
func Adopt(now, validFrom, refresh Instant) Instant {
	return Earliest(now, validFrom, now.Add(adoptMost), refresh)
}
