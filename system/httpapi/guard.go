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
// with an Origin header, one that a browser says another site has made (by
// Sec-Fetch-Site), or one with a Host that is neither loopback nor in allowedHosts,
// gets 403. So does one that names a host in its target as well
// (GET http://localhost/): that one replaces the Host header before any handler
// sees it.
//
// An allowed host is a name or an address, with a port if only that port is
// meant. Names are the same in any case and with a dot at their end, addresses in
// every way to write them; brackets around one make no difference. A Unix socket
// needs no guard: no browser reaches it. A [Door] brings a guard of its own.
func Guard(next http.Handler, allowedHosts []string) http.Handler {
	return (*Traffic)(nil).Guard(next, allowedHosts)
}

// Guard is the function Guard, and counts what it refuses.
func (t *Traffic) Guard(next http.Handler, allowedHosts []string) http.Handler {
	allowed := hostsOf(allowedHosts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reason, why := denial(r, hostAllowed(parseHost(r.Host), allowed)); why != "" {
			t.Refused(reason)
			keepFromPages(w.Header())
			writeProblem(w, problem(CodeDenied, why), time.Now())
			return
		}
		next.ServeHTTP(w, r)
	})
}

func hostsOf(texts []string) map[hostPort]bool {
	hosts := make(map[hostPort]bool, len(texts))
	for _, text := range texts {
		hosts[parseHost(text)] = true
	}
	return hosts
}

// UnknownHost is the detail of the problem that a Host gets by which the node is not
// known. Who asks does not matter for that.
const UnknownHost = "the Host header is neither a loopback nor a listen address; other names go into hosts in the configuration"

// denial says why r is not served, or nothing; allowed tells whether its Host is.
func denial(r *http.Request, allowed bool) (reason Reason, why string) {
	_, fromPage := r.Header["Origin"]
	switch {
	case fromPage:
		return ReasonOrigin, "requests from web pages are not served: there is an Origin header"
	case fromOtherSite(r.Header["Sec-Fetch-Site"]):
		return ReasonOrigin, "requests from web pages are not served: Sec-Fetch-Site must be none or same-origin, or absent"
	case r.URL.Scheme != "" || r.URL.Host != "":
		return ReasonHost, "the target of the request must be a path alone, without a host"
	case !allowed:
		return ReasonHost, UnknownHost
	default:
		return 0, ""
	}
}

// fromOtherSite reports whether a browser says that a page of another site is behind a
// request. Images, forms and links send no Origin, but they send Sec-Fetch-Site. A
// value that no browser sends counts as another site, too.
func fromOtherSite(sent []string) bool {
	for _, site := range sent {
		if site != "none" && site != "same-origin" {
			return true
		}
	}
	return false
}

type hostSet map[hostPort]bool

// hostPort is a host in its one form; the port is empty where none was given.
type hostPort struct{ host, port string }

func hostAllowed(h hostPort, allowed map[hostPort]bool) bool {
	return h.host != "" && (allowed[h] || allowed[hostPort{host: h.host}] || isLoopback(h.host))
}

// parseHost reads a Host header. What is no host and port is taken for a host and
// matches nothing.
func parseHost(text string) hostPort {
	if host, port, err := net.SplitHostPort(text); err == nil {
		return hostPort{canonical(host), port}
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if inner, ok := strings.CutSuffix(inner, "]"); ok {
			return hostPort{host: canonical(inner)}
		}
	}
	return hostPort{host: canonical(text)}
}

func canonical(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().String()
	}
	return host
}

// isLoopback knows addresses in their usual form and the one name that every
// resolver keeps on this machine.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == "" && addr.Unmap().IsLoopback()
}
