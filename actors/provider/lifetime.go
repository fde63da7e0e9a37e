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

// Lifetime returns how long the token of res lives, counted from asked, when its
// request was sent. answered is when the answer was there; both are readings of
// the local clock. expires is false for a token without expiry.
//
// The earliest of these wins: Lifetime itself, ExpiresAt, and the exp claim of an
// access token that is a JWT (RFC 7519, section 4.1.4; its signature is the
// resource server's business). Without any of them the token has no expiry if
// res.NoExpiry, else it lives for fallback, and without that it has none if
// res.Lasting, else it is malformed. So is one that was dead before it arrived.
//
// Absolute times become lifetimes so that a wrong clock on either side does no
// harm. With a Date they are compared with it, as both come from the IdP. The
// Date was written between asked and answered, nobody knows when; the lifetime is
// taken to run from asked, as expires_in does: that errs by ending a token early,
// never late, but for the part of a second that the header leaves out. Without a
// Date they are compared with answered, and the time that the request took, which
// had passed of the lifetime by then, is added.
func Lifetime(res Result, asked, answered time.Time, fallback time.Duration) (life time.Duration, expires bool, err *Error) {
	took := max(answered.Sub(asked), 0)
	life = maxLifetime
	if res.Lifetime != 0 {
		life, expires = min(life, res.Lifetime), true
	}
	for _, at := range []time.Time{res.ExpiresAt, jwtExpiry(res.AccessToken.Reveal())} {
		if !at.IsZero() {
			life, expires = min(life, remaining(at, res.Date, answered, took)), true
		}
	}
	if !expires && !res.NoExpiry && fallback > 0 {
		life, expires = min(life, fallback), true
	}
	switch {
	case !expires && (res.NoExpiry || res.Lasting):
		return 0, false, nil
	case !expires:
		return 0, false, (&unusable{"token comes without a lifetime: set default_ttl", ReasonNoLifetime}).failure()
	case life <= took:
		return 0, false, malformed(deadText(life, took))
	default:
		return life, true, nil
	}
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
