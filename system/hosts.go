package system

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// hosts are where a service's token may be sent: "host" for any port, or
// "host:port". None means that nothing was said.
type hosts []string

func newHosts(names []string) hosts {
	h := make(hosts, 0, len(names))
	for _, name := range names {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "[") && strings.HasSuffix(name, "]") {
			name = name[1 : len(name)-1] // an IPv6 address without a port
		}
		h = append(h, name)
	}
	return h
}

// hostsOf returns where the service's token may be sent.
func (s *System) hostsOf(service string) hosts {
	if v := s.services.Load().services[service]; v != nil {
		return v.hosts
	}
	return nil
}

// allow reports whether the URL's host is one of them.
func (h hosts) allow(u *url.URL) bool {
	name := strings.ToLower(u.Hostname())
	return slices.Contains(h, name) || slices.Contains(h, net.JoinHostPort(name, port(u)))
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// origin returns what RFC 6454 calls so: scheme, host and port.
func origin(u *url.URL) string {
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port(u))
}

// private reports whether nobody on the way can read what is sent: it is
// encrypted or does not leave the machine.
func private(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	name := u.Hostname()
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Unmap().IsLoopback()
	}
	return strings.EqualFold(name, "localhost")
}
