package provider

import (
	"errors"
	"fmt"
	"time"
)

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
