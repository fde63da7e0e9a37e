package provider

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// end is what one source says about when a token dies: a lifetime, or a time, or
// that it cannot be read.
type end struct {
	source string        // one of the Source constants
	name   string        // what the answer or the configuration calls it
	life   time.Duration // 0: it is a time
	from   time.Time     // when life began, by the local clock; zero: when the request was sent
	whole  bool          // life is a whole number of seconds
	number float64       // what life was told as; 0: by nothing that could be a time instead
	at     time.Time     // zero: it is a lifetime
	err    error         // why it cannot be read; nil: it can
}

// ends collects what the sources of an answer say. Its methods leave out what is
// absent.
type ends []end

// lifetime adds a lifetime that is counted in units.
func (e *ends) lifetime(name string, v gjson.Result, unit time.Duration) {
	if !absent(v) {
		*e = append(*e, countOf(SourceExpiresIn, name, v, unit))
	}
}

// moment adds a time.
func (e *ends) moment(name string, v gjson.Result) {
	if !absent(v) {
		at, err := instant(v)
		*e = append(*e, end{source: SourceExpiresAt, name: name, at: at, err: err})
	}
}

// either adds what may be a lifetime in seconds, a time, or a word for neither.
func (e *ends) either(name string, v gjson.Result) {
	n, ok := number(v)
	switch _, err := ofText(v.Str); {
	case ok && n <= longestLife.Seconds() && !isDate(n):
		e.lifetime(name, v, time.Second)
	case ok, err == nil, err == errNoZone:
		e.moment(name, v)
	}
}

func countOf(source, name string, v gjson.Result, unit time.Duration) end {
	d, err := duration(v, unit)
	n, _ := number(v)
	return end{source: source, name: name, life: d, whole: d%time.Second == 0, number: n, err: err}
}

// fill sets those fields of res that sum up the ends, for callers who look at a
// result without [Lifetime].
func (e ends) fill(res *Result) {
	res.ends = e
	for _, one := range e {
		switch {
		case one.err != nil || one.life > longestLife:
		case !one.from.IsZero():
			res.ExpiresAt = sooner(res.ExpiresAt, one.from.Add(one.life))
		default:
			res.Lifetime, res.ExpiresAt = earlier(res.Lifetime, one.life), sooner(res.ExpiresAt, one.at)
		}
	}
}

// earlier returns the shorter of two lifetimes; zero means that there is none.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// sooner returns the earlier of two times; zero means that there is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// endHere returns the earliest end of a token by the local clock, zero if nothing
// states one: that of a token for which no one was asked.
func (r *Result) endHere() time.Time {
	at := r.ExpiresAt
	for _, e := range slices.Concat(r.ends, claimsOf(r.AccessToken.Reveal()).ends) {
		at = sooner(at, e.local())
	}
	return at
}

// local returns when the token dies by the local clock, zero if that depends on
// when it was asked for or cannot be read.
func (e *end) local() time.Time {
	if e.err != nil || e.from.IsZero() {
		return e.at
	}
	return e.from.Add(e.counts(e.life))
}

// counts returns what counts of a lifetime: servers that count in whole seconds
// end a token up to one second before the last of them is over.
func (e *end) counts(life time.Duration) time.Duration {
	if !e.whole {
		return life
	}
	return lessASecond(life)
}

// lessASecond takes a second off a lifetime, of a short one half of it.
func lessASecond(life time.Duration) time.Duration {
	if life < 2*time.Second {
		return life / 2
	}
	return life - time.Second
}

// mistaken returns why a lifetime of over 5 years is taken for a time, nil if it is
// not. Where such long lifetimes are permitted, only one that is near to one of the
// clocks is a time.
func (e *end) mistaken(long bool, clocks ...time.Time) error {
	if e.err != nil || e.number == 0 || e.life <= longestLife {
		return nil
	}
	at, err := ofNumber(e.number)
	if err != nil || at.Year() < 2001 || at.Year() > 2100 {
		return nil
	}
	for _, clock := range clocks {
		if d := at.Sub(clock); d > -longestSkew && d < longestLife {
			return fmt.Errorf("%s is a time: use expires_at", digits(e.number))
		}
	}
	if long {
		return nil
	}
	return fmt.Errorf("%s is a time: use expires_at; or it is a lifetime of %d years: set max_ttl, which then bounds it", digits(e.number), years(e.life))
}

func years(d time.Duration) int { return int(d / (365 * 24 * time.Hour)) }

// problem says what cannot be read.
func (e *end) problem() string {
	if text := e.err.Error(); strings.HasPrefix(text, "is ") {
		return e.name + " " + text
	}
	return e.name + ": " + e.err.Error()
}

// dead returns an error if one of the sources says that the token has no life.
func (e ends) dead() *Error {
	for _, one := range e {
		if errors.Is(one.err, errNotPositive) {
			failure := dead(one.problem())
			failure.Reason = ReasonNotPositive
			return failure
		}
	}
	return nil
}
