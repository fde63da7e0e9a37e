package provider

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// maxLifetime is what absurd lifetimes are taken for, so that no arithmetic with
// them overflows. Nothing is refreshed so rarely.
const maxLifetime = 10 * 365 * 24 * time.Hour

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
// The earliest of these wins: Lifetime itself, ExpiresAt, and the exp claim of an
// access token that is a JWT (RFC 7519, section 4.1.4; its signature is the
// resource server's business). Without any of them the token has no expiry if
// res.NoExpiry, else it lives for by.Default, and without that it has none if
// res.Lasting, else it is malformed. So is one that was dead before it arrived.
// by.Max bounds all of them, and a token without expiry.
//
// Absolute times become lifetimes so that a wrong clock on either side does no
// harm. With a Date they are compared with it, as both come from the IdP. The
// Date was written between asked and answered, nobody knows when; the lifetime is
// taken to run from asked, as expires_in does: that errs by ending a token early,
// never late, but for the part of a second that the header leaves out. Without a
// Date they are compared with answered, and the time that the request took, which
// had passed of the lifetime by then, is added.
func Lifetime(res Result, asked, answered time.Time, by Bounds) (Life, *Error) {
	took := max(answered.Sub(asked), 0)
	l := Life{Length: maxLifetime, Notes: res.Notes}
	if res.Lifetime != 0 {
		l.end(SourceExpiresIn, res.Lifetime)
	}
	if !res.ExpiresAt.IsZero() {
		l.end(SourceExpiresAt, remaining(res.ExpiresAt, res.Date, answered, took))
	}
	if at := jwtExpiry(res.AccessToken.Reveal()); !at.IsZero() {
		l.end(SourceJWT, remaining(at, res.Date, answered, took))
	}
	if !l.Expires && !res.NoExpiry && by.Default > 0 {
		l.end(SourceDefaultTTL, by.Default)
	}
	if by.Max > 0 && (l.Expires || res.NoExpiry || res.Lasting) {
		l.end(SourceMaxTTL, by.Max)
	}
	switch {
	case !l.Expires && (res.NoExpiry || res.Lasting):
		return Life{Notes: l.Notes}, nil
	case !l.Expires:
		return Life{}, (&unusable{text: "token comes without a lifetime: set default_ttl", reason: ReasonNoLifetime}).failure()
	case l.Length <= took:
		return Life{}, dead(l.Length, took)
	default:
		return l, nil
	}
}

// end notes that a source ends the token that long after the request was sent.
func (l *Life) end(source string, life time.Duration) {
	if !l.Expires || life < l.Length {
		l.Source = source
	}
	l.Expires, l.Length = true, min(l.Length, life)
	l.Stated = l.Length
}

// dead is a success whose token has died before it arrived.
func dead(life, took time.Duration) *Error {
	e := malformed(deadText(life, took))
	e.Dead = true
	return e
}

func deadText(life, took time.Duration) string {
	if life <= 0 {
		return fmt.Sprintf("token has expired already, %s before it was asked for: check clocks", -life.Round(time.Second))
	}
	return fmt.Sprintf("token lives for %s, but took %s to arrive", life, took.Round(time.Millisecond))
}

// remaining returns the lifetime, counted from when the request was sent, of a
// token that dies at the given time.
func remaining(at, date, answered time.Time, took time.Duration) time.Duration {
	if !date.IsZero() {
		return at.Sub(date)
	}
	// Bounded before took is added: Sub saturates, and a sum would overflow.
	return min(at.Round(0).Sub(answered.Round(0)), maxLifetime) + took
}

// jwtExpiry returns the exp claim of token if it looks like a JWS in compact
// form (RFC 7515, section 7.1), else zero.
func jwtExpiry(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 || !gjson.GetBytes(jwtPart(parts[0]), "alg").Exists() {
		return time.Time{}
	}
	seconds, ok := number(gjson.GetBytes(jwtPart(parts[1]), "exp"))
	if !ok {
		return time.Time{}
	}
	return epoch(min(max(seconds, 0), maxEpoch))
}

// jwtPart returns the JSON object that a part of a JWT encodes, nil if none.
func jwtPart(part string) []byte {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	if err != nil || len(raw) == 0 || raw[0] != '{' || !json.Valid(raw) {
		return nil
	}
	return raw
}
