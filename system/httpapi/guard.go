package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Guard keeps browsers away from a door on TCP: any page a user visits can make
// requests to a loopback port, and by DNS rebinding read the answers. A request
// with an Origin header, or with a Host that is neither loopback nor in
// allowedHosts, gets 403. An allowed host is a name or an address, with a port if
// only that port is meant. A Unix socket needs no guard: no browser reaches it.
func Guard(next http.Handler, allowedHosts []string) http.Handler {
	allowed := make(map[string]bool, len(allowedHosts))
	for _, host := range allowedHosts {
		allowed[strings.ToLower(host)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Header["Origin"]; ok {
			writeProblem(w, problem(CodeDenied, "requests from web pages are not served: there is an Origin header"), time.Now())
			return
		}
		if !hostAllowed(r.Host, allowed) {
			writeProblem(w, problem(CodeDenied, "the Host header is neither a loopback nor a listen address; other names go into hosts in the configuration"), time.Now())
			return
		}
		next.ServeHTTP(w, r)
	})
}

func hostAllowed(hostport string, allowed map[string]bool) bool {
	hostport = strings.ToLower(hostport)
	host := withoutPort(hostport)
	return allowed[hostport] || allowed[host] || isLoopback(host)
}

// withoutPort returns the host of a Host header, without brackets. What is no
// host and port is returned as it is and matches nothing.
func withoutPort(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	if inner, ok := strings.CutPrefix(hostport, "["); ok {
		if inner, ok := strings.CutSuffix(inner, "]"); ok {
			return inner
		}
	}
	return hostport
}

// isLoopback knows addresses in their usual form and the one name that every
// resolver keeps on this machine.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == "" && addr.Unmap().IsLoopback()
}
