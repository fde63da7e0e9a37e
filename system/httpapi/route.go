package httpapi

import (
	"net/http"
	"net/url"
	"strings"
)

// route is one kind of path. serve either answers, or returns an error and has
// written nothing.
type route struct {
	allow string // value of the Allow header
	serve func(h *handler, w http.ResponseWriter, r *http.Request, service string) error
}

const (
	reading = "GET, HEAD"
	posting = "POST"

	tokenPrefix   = "/v1/token/"
	servicePrefix = "/v1/services/"
)

var (
	tokenRoute    = &route{reading, (*handler).token}
	tokensRoute   = &route{posting, (*handler).tokens}
	servicesRoute = &route{reading, (*handler).services}
	serviceRoute  = &route{reading, (*handler).service}
	healthRoute   = &route{reading, (*handler).health}
	readyRoute    = &route{reading, (*handler).ready}
)

func (rt *route) allows(method string) bool {
	if rt.allow == posting {
		return method == http.MethodPost
	}
	return method == http.MethodGet || method == http.MethodHead
}

// find returns the route of u and the service named in it, or nil. No path of
// this door needs escaping, so one that was escaped is none of them: what %2F or
// %2e means is not guessed.
func find(u *url.URL) (*route, string) {
	if u.RawPath != "" {
		return nil, ""
	}
	if name, ok := strings.CutPrefix(u.Path, tokenPrefix); ok {
		return named(tokenRoute, name)
	}
	if name, ok := strings.CutPrefix(u.Path, servicePrefix); ok {
		return named(serviceRoute, name)
	}
	return fixed(u.Path), ""
}

func fixed(path string) *route {
	switch path {
	case "/v1/tokens":
		return tokensRoute
	case "/v1/services":
		return servicesRoute
	case "/healthz":
		return healthRoute
	case "/readyz":
		return readyRoute
	default:
		return nil
	}
}

func named(rt *route, name string) (*route, string) {
	if name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
		return nil, ""
	}
	return rt, name
}

const maxName = 63

// validName reports whether a service can have that name.
func validName(s string) bool {
	if s == "" || len(s) > maxName || !alphanumeric(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; !alphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
