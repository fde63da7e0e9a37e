package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tokend/system/access"
)

// route is one kind of path. serve either answers, or returns an error and has
// written nothing. Before it is called, the caller is known to have a grant of the
// verb: on the service in the path, or where the path names none on any service.
type route struct {
	pattern string      // as in the documentation, and what counters call it
	allow   []string    // methods; none: every method
	query   []string    // parameters that it takes, each once; other ones are refused
	verb    access.Verb // what the caller must be granted; only an open route may have none
	serve   func(h *handler, w http.ResponseWriter, r *http.Request, service string) error

	open      bool // to callers who are nobody, and without a grant
	each      bool // serve itself asks for a grant on each service
	forwarded bool // the Authorization header is not the caller's own
	lasting   bool // its answer ends when the caller likes: a stream of events

	number   int    // in routes
	allowing string // value of the Allow header
}

const (
	tokenPrefix     = "/v1/token/"
	servicePrefix   = "/v1/services/"
	authorizePrefix = "/v1/authorize/"
)

var (
	reading = []string{http.MethodGet, http.MethodHead}
	posting = []string{http.MethodPost}

	tokenRoute = &route{
		pattern: "/v1/token/{service}", allow: reading, query: tokenParameters, verb: access.Get, serve: (*handler).token,
	}
	tokensRoute     = &route{pattern: "/v1/tokens", allow: posting, verb: access.Get, serve: (*handler).tokens, each: true}
	servicesRoute   = &route{pattern: "/v1/services", allow: reading, verb: access.Info, serve: (*handler).services}
	serviceRoute    = &route{pattern: "/v1/services/{service}", allow: reading, verb: access.Info, serve: (*handler).service}
	refreshRoute    = &route{pattern: "/v1/services/{service}/refresh", allow: posting, verb: access.Refresh, serve: (*handler).refresh}
	invalidateRoute = &route{pattern: "/v1/services/{service}/invalidate", allow: posting, verb: access.Invalidate, serve: (*handler).invalidate}
	eventsRoute     = &route{
		pattern: "/v1/events", allow: []string{http.MethodGet}, query: []string{"service"}, verb: access.Watch, serve: (*handler).events, lasting: true,
	}
	authorizeRoute = &route{pattern: "/v1/authorize/{service}", query: anything, verb: access.Get, serve: (*handler).authorize, forwarded: true}
	openapiRoute   = &route{pattern: "/v1/openapi.yaml", allow: reading, serve: (*handler).openapi, open: true}
	healthRoute    = &route{pattern: "/healthz", allow: reading, serve: (*handler).health, open: true}
	readyRoute     = &route{pattern: "/readyz", allow: reading, verb: access.Info, serve: (*handler).ready, open: true}
	reloadRoute    = &route{pattern: "/v1/reload", allow: posting, verb: access.Reload, serve: (*handler).reload}
	metricsRoute   = &route{pattern: "/metrics", allow: reading, verb: access.Metrics, serve: (*handler).metrics}
)

var tokenParameters = []string{"min_ttl", "wait"}

// anything stands for the parameters of a route that looks at none.
var anything = []string{"*"}

// routes are all routes.
var routes = numbered(
	tokenRoute, tokensRoute, servicesRoute, serviceRoute, refreshRoute, invalidateRoute,
	eventsRoute, authorizeRoute, reloadRoute, openapiRoute, healthRoute, readyRoute, metricsRoute,
)

func numbered(all ...*route) []*route {
	for i, rt := range all {
		rt.number, rt.allowing = i, strings.Join(rt.allow, ", ")
	}
	return all
}

// needs returns the verb of a route, none of no route.
func (rt *route) needs() access.Verb {
	if rt == nil {
		return 0
	}
	return rt.verb
}

func (rt *route) allows(method string) bool {
	return len(rt.allow) == 0 || slices.Contains(rt.allow, method)
}

// queryless reports whether the route takes no parameters.
func (rt *route) queryless() bool { return len(rt.query) == 0 }

// find returns the route of u and the service named in it, or nil. No path of
// this door needs escaping, so one that was escaped is none of them: what %2F or
// %2e means is not guessed. Only what follows the service in a path to authorize
// may be anything, for a proxy puts the path there that it was asked for.
func find(u *url.URL) (*route, string) {
	if u.RawPath != "" {
		return authorizing(u.RawPath)
	}
	if name, ok := strings.CutPrefix(u.Path, tokenPrefix); ok {
		return named(tokenRoute, name)
	}
	if rest, ok := strings.CutPrefix(u.Path, servicePrefix); ok {
		return below(rest)
	}
	if rt := fixed(u.Path); rt != nil {
		return rt, ""
	}
	return authorizing(u.Path)
}

func fixed(path string) *route {
	switch path {
	case "/v1/tokens":
		return tokensRoute
	case "/v1/services":
		return servicesRoute
	case "/v1/events":
		return eventsRoute
	case "/v1/reload":
		return reloadRoute
	case "/v1/openapi.yaml":
		return openapiRoute
	case "/healthz":
		return healthRoute
	case "/readyz":
		return readyRoute
	case "/metrics":
		return metricsRoute
	default:
		return nil
	}
}

// below finds what a service is asked for.
func below(rest string) (*route, string) {
	name, verb, more := strings.Cut(rest, "/")
	switch {
	case !more:
		return named(serviceRoute, name)
	case verb == "refresh":
		return named(refreshRoute, name)
	case verb == "invalidate":
		return named(invalidateRoute, name)
	default:
		return nil, ""
	}
}

func authorizing(path string) (*route, string) {
	rest, ok := strings.CutPrefix(path, authorizePrefix)
	if !ok {
		return nil, ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return named(authorizeRoute, name)
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
