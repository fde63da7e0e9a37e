package provider

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// cookie returns the cookie of that name which the answer sets, nil if none.
func (a *answer) cookie(name string) *http.Cookie {
	var b crumbs
	b.take(a, name)
	return b.last()
}

// session returns the cookie of that name which is left after the answer and those
// before it from the same origin: a session may begin before a person logs into it.
// It is nil if none of them sets one, and a dead one if there is no other.
func (a *answer) session(name string) *http.Cookie {
	var b crumbs
	for _, earlier := range a.before {
		if originOf(earlier.url) == originOf(a.url) {
			b.take(earlier, name)
		}
	}
	b.take(a, name)
	return b.last()
}

// crumbs are the cookies of one name that answers have set, in their order. They
// are told apart by domain and path (RFC 6265, section 5.3): one that is deleted at
// another path says nothing about the others.
type crumbs struct {
	living []crumb
	dead   *http.Cookie // the last that was deleted
}

type crumb struct {
	domain, path string
	*http.Cookie
}

// take takes up what an answer sets and deletes.
func (b *crumbs) take(a *answer, name string) {
	now := a.date()
	if now.IsZero() {
		now = a.received
	}
	for _, c := range a.cookies() {
		if c.Name != name {
			continue
		}
		one := crumb{strings.ToLower(strings.TrimPrefix(c.Domain, ".")), pathOf(c, a.url), c}
		b.living = slices.DeleteFunc(b.living, func(other crumb) bool {
			return other.domain == one.domain && other.path == one.path
		})
		if isDeleted(c, now) {
			b.dead = c
			continue
		}
		b.living = append(b.living, one)
	}
}

// last returns the cookie that was set last of those that are left.
func (b *crumbs) last() *http.Cookie {
	if len(b.living) == 0 {
		return b.dead
	}
	return b.living[len(b.living)-1].Cookie
}

// isDeleted reports whether a cookie is set so that it goes. Max-Age counts before
// Expires.
func isDeleted(c *http.Cookie, now time.Time) bool {
	if c.Value == "" || c.MaxAge < 0 {
		return true
	}
	text, _ := attribute(c, "expires")
	at, _ := cookieExpires(text)
	return c.MaxAge == 0 && !at.IsZero() && !at.After(now)
}

// pathOf returns the path of a cookie, without one that of the request's directory
// (RFC 6265, section 5.1.4).
func pathOf(c *http.Cookie, u *url.URL) string {
	if strings.HasPrefix(c.Path, "/") {
		return c.Path
	}
	dir := u.EscapedPath()
	if i := strings.LastIndexByte(dir, '/'); i > 0 {
		return dir[:i]
	}
	return "/"
}
