package provider

import (
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	// longestLife is how long a token may live that an acquisition brings: what says
	// more is a mistake, or means something else.
	longestLife = (5*365 + 2) * 24 * time.Hour
	// maxLifetime is what absurd lifetimes are taken for, so that no arithmetic with
	// them overflows.
	maxLifetime = 100 * 365 * 24 * time.Hour
)

// The sources of a lifetime, as [Life] names them.
const (
	SourceExpiresIn  = "expires_in"  // a field or header with a lifetime
	SourceExpiresAt  = "expires_at"  // a field or header with a time
	SourceJWT        = "jwt"         // the claims of a token that is a JWT
	SourceCookie     = "cookie"      // the end of the cookie that holds the token
	SourceDefaultTTL = "default_ttl" // the setting, as the answer says nothing
	SourceMaxTTL     = "max_ttl"     // the setting, as it bounds every other source
)

// Bounds are what a service's settings say about lifetimes.
type Bounds struct {
	Default time.Duration // of a token that comes without a lifetime; 0: there is none
	Max     time.Duration // of every token; 0: there is none
}

// Life says how long a token lives. Its durations count from when the request was
// sent.
type Life struct {
	Expires   bool          // false: the token has no expiry, and the durations of its end are 0
	Length    time.Duration // what counts
	Stated    time.Duration // the same without the second that is taken off whole seconds
	Source    string        // which of the sources ends first; empty without expiry
	NotBefore time.Duration // when the token begins to be valid (RFC 7519, section 4.1.5); 0: it is already
	Notes     []Note        // those of the result, and what its lifetimes say besides
}

// Lifetime returns how long the token of res lives, counted from asked, when its
// request was sent. answered is when the answer was there; both are readings of
// the local clock.
//
// Every source bounds every other; the earliest end wins. Sources are what the
// result says, and the claims of an access token that is a JWT (RFC 7519, section
// 4.1; its signature is the resource server's business): exp, and the time from iat
// to exp. Without any of them the token has no expiry if res.NoExpiry, else it
// lives for by.Default, and without that it has none if res.Lasting, else it is
// malformed. by.Max bounds all of them, and a token without expiry.
//
// A token is malformed, too, if it was dead before it arrived, if a source says
// that it has no life, if it lives for over 5 years without by.Max or
// res.AnyLength, and if no source that can be read says when it ends, but one that
// cannot be read does. Where another can be read, the latter is a note.
//
// What was counted in whole seconds ends a second earlier than it says, see
// [Life.Stated]; by.Default and by.Max are kept as they are.
func Lifetime(res Result, asked, answered time.Time, by Bounds) (Life, *Error) {
	claims := claimsOf(res.AccessToken.Reveal())
	c := compareClocks(&res, claims.issued, asked, answered)
	l := Life{Notes: append(slices.Clone(res.Notes), c.notes...)}
	all := append(res.all(), claims.ends...)
	if err := all.dead(); err != nil {
		return Life{}, err
	}
	unread := l.read(all, c, by.Max > 0 || res.AnyLength)
	if !l.Expires && len(unread) > 0 {
		return Life{}, (&unusable{text: unread[0].problem(), reason: ReasonUnreadable}).failure()
	}
	for _, e := range unread {
		l.note("unreadable "+e.name, e.problem()+": it does not count")
	}
	l.bound(&res, by)
	l.NotBefore = c.begins(claims.begins)
	if problem := claims.unread; problem != "" {
		l.note("unreadable nbf", problem)
	}
	if err := l.check(&res, by, c.took); err != nil {
		return Life{}, err
	}
	return l, nil
}

// all returns every end that the result states.
func (r *Result) all() ends {
	all := slices.Clone(r.ends)
	if r.Lifetime != 0 {
		all = append(all, end{source: SourceExpiresIn, name: "lifetime", life: min(r.Lifetime, maxLifetime), whole: r.WholeSeconds})
	}
	if !r.ExpiresAt.IsZero() {
		all = append(all, end{source: SourceExpiresAt, name: "expiry", at: r.ExpiresAt})
	}
	return all
}

// read takes up what the sources say, and returns those that cannot be read. long says
// that lifetimes of over 5 years are permitted.
func (l *Life) read(all ends, c *comparison, long bool) (unread ends) {
	for _, e := range all {
		if err := e.mistaken(long, c.answered, c.said); err != nil {
			e.err = err
		}
		switch {
		case e.err != nil:
			unread = append(unread, e)
		default:
			counts, stated := c.left(&e)
			l.end(e.source, counts, stated)
		}
	}
	return unread
}

// end notes that a source ends the token that long after the request was sent.
func (l *Life) end(source string, counts, stated time.Duration) {
	if !l.Expires {
		l.Length, l.Stated = maxLifetime, maxLifetime
	}
	if !l.Expires || counts < l.Length {
		l.Source = source
	}
	l.Expires, l.Length, l.Stated = true, min(l.Length, counts), min(l.Stated, stated)
}

// bound takes up what the settings say.
func (l *Life) bound(res *Result, by Bounds) {
	if !l.Expires && !res.NoExpiry && by.Default > 0 {
		l.end(SourceDefaultTTL, by.Default, by.Default)
	}
	if by.Max > 0 && (l.Expires || res.NoExpiry || res.Lasting) {
		l.end(SourceMaxTTL, by.Max, by.Max)
	}
}

// check says what is wrong with a life.
func (l *Life) check(res *Result, by Bounds, took time.Duration) *Error {
	switch {
	case !l.Expires && (res.NoExpiry || res.Lasting):
		return nil
	case !l.Expires:
		return (&unusable{text: "token comes without a lifetime: set default_ttl", reason: ReasonNoLifetime}).failure()
	case l.Length <= took:
		return dead(deadText(l.Length, took))
	case l.Stated > longestLife && by.Max == 0 && l.Source != SourceDefaultTTL && !res.AnyLength:
		return (&unusable{text: l.tooLong(res), reason: ReasonTooLong}).failure()
	default:
		return nil
	}
}

// tooLong says that a life is over 5 years, and what else may be meant.
func (l *Life) tooLong(res *Result) string {
	text := fmt.Sprintf("token lives for about %d years by %s, and at most 5 are allowed: set max_ttl, which then bounds it", years(l.Stated), l.Source)
	for _, e := range res.ends {
		if n := e.number / 1e3; e.source == SourceExpiresIn && e.life == l.Stated && n == math.Trunc(n) && n > 0 && n <= longestLife.Seconds() {
			return text + ", or use expires_in_ms if " + digits(e.number) + " counts milliseconds"
		}
	}
	return text
}

func (l *Life) note(key, text string) { l.Notes = append(l.Notes, Note{key, text}) }

// dead returns the error of a success whose token died before it arrived.
func dead(text string) *Error {
	e := malformed(text)
	e.Dead = true
	return e
}

func deadText(life, took time.Duration) string {
	if life <= 0 {
		return fmt.Sprintf("token has expired already, %s before it was asked for: check clocks", -life.Round(time.Second))
	}
	return fmt.Sprintf("token lives for %s, but took %s to arrive", life, took.Round(time.Millisecond))
}
