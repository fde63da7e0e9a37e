package provider

import (
	"net/http"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// place names the setting that says where the token is.
func (r *Response) place() string {
	switch {
	case r.TokenHeader != "":
		return "response.token_header"
	case r.TokenCookie != "":
		return "response.token_cookie"
	case r.TokenText:
		return "response.token_text"
	default:
		return "response.token"
	}
}

// reader returns what reads the token, wherever it is.
func (r *Response) reader(a *answer) func(gjson.Result) (string, error) {
	switch {
	case r.TokenHeader != "":
		return func(gjson.Result) (string, error) { return text(inHeader(bareToken(a.header.Get(r.TokenHeader)))) }
	case r.TokenCookie != "":
		return func(gjson.Result) (string, error) { return r.fromCookie(a) }
	case r.TokenText:
		return func(gjson.Result) (string, error) { return fromBody(a) }
	default:
		return text
	}
}

// inHeader returns a header's value as gjson would.
func inHeader(value string) gjson.Result {
	if value == "" {
		return gjson.Result{}
	}
	return gjson.Result{Type: gjson.String, Str: value}
}

// bareToken returns a token without Bearer before it.
func bareToken(value string) string {
	if kind, token, ok := strings.Cut(value, " "); ok && strings.EqualFold(kind, bearer) {
		return strings.TrimSpace(token)
	}
	return value
}

func (r *Response) fromCookie(a *answer) (string, error) {
	c := a.session(r.TokenCookie)
	if c == nil || c.Value == "" || c.MaxAge < 0 {
		return "", errMissing
	}
	return c.Value, nil
}

// fromBody returns a body that is a token, and not a document.
func fromBody(a *answer) (string, error) {
	switch {
	case a.tooLarge:
		return "", errLongValue
	case len(a.body) == 0:
		return "", errMissing
	case strings.IndexByte(`<{["`, a.body[0]) >= 0:
		return "", errDocument
	default:
		return string(a.body), nil
	}
}

// bound adds to res how long headers and the cookie let the token live.
func (r *Response) bound(v *values, a *answer, res *Result) {
	header := func(name string) gjson.Result { return inHeader(strings.TrimSpace(a.header.Get(name))) }
	if r.ExpiresInHeader != "" {
		res.Lifetime = earlier(res.Lifetime, take(v, "expires_in_header", func() (time.Duration, error) {
			return duration(header(r.ExpiresInHeader), time.Second)
		}))
	}
	if r.ExpiresAtHeader != "" {
		res.ExpiresAt = sooner(res.ExpiresAt, take(v, "expires_at_header", func() (time.Time, error) {
			return headerTime(header(r.ExpiresAtHeader))
		}))
	}
	if c := a.session(r.TokenCookie); r.TokenCookie != "" && c != nil {
		life, at := cookieLife(c)
		res.Lifetime, res.ExpiresAt = earlier(res.Lifetime, life), sooner(res.ExpiresAt, at)
	}
}

// headerTime is instant for a header, where HTTP has a form of its own.
func headerTime(v gjson.Result) (time.Time, error) {
	if at, err := http.ParseTime(v.Str); err == nil {
		return at.UTC(), nil
	}
	return instant(v)
}

// cookieLife returns how long a cookie lives; Max-Age counts before Expires
// (RFC 6265, section 5.3).
func cookieLife(c *http.Cookie) (time.Duration, time.Time) {
	if c.MaxAge > 0 {
		return time.Duration(min(float64(c.MaxAge)*float64(time.Second), float64(maxLifetime))), time.Time{}
	}
	return 0, c.Expires
}

// sooner returns the earlier of two times, of which zero is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
