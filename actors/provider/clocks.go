package provider

import (
	"errors"
	"fmt"
	"time"
)

const (
	// longestSkew is how far a Date may lie from this clock, if the token does not
	// show that it is right: one that a cache has kept lies somewhere.
	longestSkew = 24 * time.Hour
	// issueSkew is how far a Date may lie from the iat of the token that came with it.
	issueSkew = 5 * time.Minute
)

// comparison turns absolute times into what is left until them, so that a wrong
// clock on either side does no harm.
type comparison struct {
	said     time.Time // the Date of the answer; zero: it had none
	date     time.Time // the same, if it is plausible
	answered time.Time
	took     time.Duration
	notes    []Note
}

// compareClocks looks at the clocks. A Date is plausible if it is near this clock, else
// if it is near the time that the token was issued at.
func compareClocks(res *Result, issued, asked, answered time.Time) *comparison {
	c := &comparison{said: res.Date, answered: answered.Round(0), took: max(answered.Sub(asked), 0)}
	skew := skewBetween(res.Date, asked, answered)
	byToken := !issued.IsZero() && res.Date.Sub(issued).Abs() <= issueSkew
	switch {
	case res.Date.IsZero():
	case skew.Abs() > longestSkew && !byToken:
		c.notes = append(c.notes, Note{"date", "the Date of the answer is " + aside(skew) + ": it does not count; check clocks"})
	default:
		c.date = res.Date
		if skew.Abs() > maxSkew {
			c.notes = append(c.notes, Note{"clocks", "check clocks: the endpoint's is " + aside(skew)})
		}
	}
	return c
}

// aside says on which side of this clock another one is.
func aside(skew time.Duration) string {
	if skew < 0 {
		return fmt.Sprintf("%s behind this one", (-skew).Round(time.Second))
	}
	return fmt.Sprintf("%s ahead of this one", skew.Round(time.Second))
}

// left returns how long after the request was sent an end comes: what counts, and
// what was stated.
func (c *comparison) left(e *end) (counts, stated time.Duration) {
	switch {
	case e.at.IsZero() && e.from.IsZero():
		return e.counts(e.life), e.life
	case e.at.IsZero():
		return c.here(e.from.Add(e.counts(e.life))), c.here(e.from.Add(e.life))
	default:
		return c.until(e.at)
	}
}

// here returns what is left until at by this clock. The time that the request took
// had passed by then.
func (c *comparison) here(at time.Time) time.Duration {
	// Bounded before took is added: Sub saturates, and a sum would overflow.
	return min(at.Round(0).Sub(c.answered), maxLifetime) + c.took
}

// until returns what is left until at by the clock of the endpoint and by this one,
// the less of the two. One by which nothing is left is wrong by hours, if anything
// is left by the other.
//
// The Date was written between asked and answered, no one knows when; what is left
// is taken to run from asked: that errs by ending a token early, never late, but
// for the part of a second that the header leaves out, which is taken off.
func (c *comparison) until(at time.Time) (counts, stated time.Duration) {
	ours := c.here(at)
	if c.date.IsZero() {
		return ours, ours
	}
	theirs := min(at.Sub(c.date), maxLifetime)
	switch {
	case theirs <= 0 && ours <= c.took:
		return max(ours, theirs), max(ours, theirs)
	case theirs <= 0:
		return ours, ours
	case ours <= c.took:
		return lessASecond(theirs), theirs
	default:
		return min(ours, lessASecond(theirs)), min(ours, theirs)
	}
}

// begins returns when a token becomes valid, 0 if it is. By the endpoint's clock it
// may be though this one says later; a Date that is one second behind does not tell,
// as it has lost its fraction.
func (c *comparison) begins(at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	ours := max(c.here(at)-c.took, 0)
	if c.date.IsZero() {
		return c.later(ours)
	}
	switch theirs := at.Sub(c.date); {
	case theirs <= 0, theirs <= time.Second && ours == 0:
		return 0
	case ours == 0:
		return c.later(theirs)
	default:
		return c.later(min(ours, theirs))
	}
}

// later counts from when the request was sent.
func (c *comparison) later(wait time.Duration) time.Duration {
	if wait == 0 {
		return 0
	}
	return min(wait, maxLifetime) + c.took
}

// maxSkew is how far two clocks may lie apart before that may be why an assertion
// is refused: it is good for no longer.
const maxSkew = assertionLife

// checkClocks says so if an assertion was refused by an endpoint whose clock is far
// from this one: such refusals rarely tell why.
func (i *inquiry) checkClocks(a *answer, err error) error {
	r, ok := errors.AsType[*refusal](err)
	if !ok || i.signed.IsZero() {
		return err
	}
	skew := skewBetween(a.date(), i.signed, i.grant.Now())
	switch {
	case skew > maxSkew:
		r.clocks = fmt.Sprintf("check clocks: the endpoint's is %s ahead of this one", skew.Round(time.Second))
	case skew < -maxSkew:
		r.clocks = fmt.Sprintf("check clocks: the endpoint's is %s behind this one", (-skew).Round(time.Second))
	}
	return err
}

// skewBetween returns how far date lies outside of the time between sent and
// received, zero if it is unknown.
func skewBetween(date, sent, received time.Time) time.Duration {
	switch {
	case date.IsZero():
		return 0
	case date.After(received):
		return date.Sub(received.Round(0))
	default:
		return min(0, date.Sub(sent.Round(0)))
	}
}
