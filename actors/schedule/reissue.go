package schedule

import "time"

const (
	// mostRequests bounds how often a token is asked for before its end, the request
	// that brought it included, where the server hands out the same until then.
	mostRequests = 5
	// turnPatience is how long after its end such a token may be missed before that is
	// trouble.
	turnPatience = 2 * time.Second
	// leastStep is the least time between two requests before the end.
	leastStep = MinGap / 4
)

// turnTries are when a token whose end has come is asked for, counted from that end.
var turnTries = [...]time.Duration{0, 200 * time.Millisecond, 500 * time.Millisecond, time.Second}

// Reissue is about a token that its server hands out again and again until it dies.
// Before its end a request is of hardly any use, and a server may count requests.
type Reissue struct {
	Refresh  Instant // refresh point
	Expiry   Instant // from when it is not served any more
	End      Instant // its end as the server stated it: Expiry, or a little later
	Asked    int     // how often it was asked for, the request that brought it included
	AtExpiry bool    // it is known that a request before the end brings nothing
}

// Next returns when to ask after an answer at now that brought no new token: when
// half of what is left has passed, so at 1/2, 3/4, 7/8 of what was left at first, and
// from the end on in quick succession. It is zero when all of that has been tried.
func (r Reissue) Next(now Instant) Instant {
	if left := r.Expiry.Until(now); left > 0 {
		switch {
		case r.AtExpiry, r.Asked >= mostRequests:
			return r.End
		case !r.Refresh.Reached(now):
			return r.Refresh
		case left/2 < leastStep:
			return r.End
		default:
			return now.Add(left / 2)
		}
	}
	for _, after := range turnTries {
		if at := r.End.Add(after); !at.Reached(now) {
			return at
		}
	}
	return Instant{}
}

// SpentPause is the pause between the requests that callers cause who report such a
// token as refused, once it was asked for as often as it may be: it may be true.
const SpentPause = invalidateMax

// Spent reports whether the token was asked for as often as it may be.
func (r Reissue) Spent() bool { return r.Asked >= mostRequests }

// Over returns until when nothing need be said of there being no token.
func (r Reissue) Over() Instant { return r.End.Add(turnPatience) }

// Turning reports whether the token has died, and the next may come any moment.
func (r Reissue) Turning(now Instant) bool { return r.Expiry.Reached(now) && !r.Over().Reached(now) }
