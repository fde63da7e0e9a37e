package httpapi

import (
	"net/http"
	"net/url"
	"strings"

	"tokend/system/access"
)

// route is one kind of path. serve either answers, or returns an error and has
// written nothing. Before it is called, the caller is known to have a grant of the
// verb: on the service in the path, or where the path names none on any service.
type route struct {
	allow string      // value of the Allow header
	verb  access.Verb // what the caller must be granted; only an open route may have none
	serve func(h *handler, w http.ResponseWriter, r *http.Request, service string) error

	open      bool // to callers who are nobody, and without a grant
	each      bool // serve itself asks for a grant on each service
	forwarded bool // the Authorization header is not the caller's own
}

const (
	reading = "GET, HEAD"
	posting = "POST"

	tokenPrefix   = "/v1/token/"
	servicePrefix = "/v1/services/"
)

var (
	tokenRoute    = &route{allow: reading, verb: access.Get, serve: (*handler).token}
	tokensRoute   = &route{allow: posting, verb: access.Get, serve: (*handler).tokens, each: true}
	servicesRoute = &route{allow: reading, verb: access.Info, serve: (*handler).services}
	serviceRoute  = &route{allow: reading, verb: access.Info, serve: (*handler).service}
	healthRoute   = &route{allow: reading, serve: (*handler).health, open: true}
	readyRoute    = &route{allow: reading, verb: access.Info, serve: (*handler).ready, open: true}
)

// needs returns the verb of a route, none of no route.
func (rt *route) needs() access.Verb {
	if rt == nil {
		return 0
	}
	return rt.verb
}

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
