package provider

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// maxCookies bounds the cookies that one answer may set; the others are dropped.
const maxCookies = 64

// cookies are those of one acquisition, by origin. RFC 6265, section 8.5, has
// cookies shared between the ports of a host, and those of a domain between its
// hosts; a login has no need of that.
type cookies struct{ jars map[string]*cookiejar.Jar }

// keep takes the cookies that an answer sets, as many of them as are allowed.
func (c *cookies) keep(a *answer) {
	set := a.cookies()
	c.jar(a.url).SetCookies(a.url, set[:min(len(set), maxCookies)])
}

func (c *cookies) jar(u *url.URL) *cookiejar.Jar {
	at := originOf(u)
	if c.jars == nil {
		c.jars = map[string]*cookiejar.Jar{}
	}
	if c.jars[at] == nil {
		c.jars[at], _ = cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List}) // never fails
	}
	return c.jars[at]
}

// originOf returns scheme, host and port (RFC 6454, section 4).
func originOf(u *url.URL) string { return strings.ToLower(u.Scheme) + "://" + hostPort(u) }

// add adds the cookies of the request's origin to it, but for those whose names the
// request itself has.
func (c *cookies) add(req *http.Request) {
	jar := c.jars[originOf(req.URL)]
	if jar == nil {
		return
	}
	for _, one := range jar.Cookies(req.URL) {
		if _, err := req.Cookie(one.Name); err != nil {
			req.AddCookie(one)
		}
	}
}
