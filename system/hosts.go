package system

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

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
