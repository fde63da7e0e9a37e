package config

import (
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// maxSocketPath is below what the address of a Unix socket can hold on any
// platform, with room for the name of a temporary file beside it.
const maxSocketPath = 100

func (v *checker) listeners(all []Listener, clients []Client) {
	if all != nil && len(all) == 0 {
		v.add("listen", "is empty: name an address, or leave the key out")
	}
	addresses, names := map[string]bool{}, map[string]bool{}
	for i := range all {
		l, at := &all[i], item("listen", i)
		v.listener(at, l, clients)
		address := canonical(l.Address)
		ephemeral := strings.HasSuffix(address, ":0")
		if addresses[address] && !ephemeral {
			v.add(at, "has the same address as another listener")
		}
		if l.Name != "" && names[l.Name] {
			v.add(at, "has the same name as another listener")
		}
		addresses[address], names[l.Name] = true, true
	}
}

// canonical returns the address of a listener with the host in lower case, and an
// http:// one, as clients take it, as tcp://.
func canonical(address string) string {
	if host, ok := strings.CutPrefix(address, "http://"); ok {
		return "tcp://" + strings.ToLower(strings.TrimSuffix(host, "/"))
	}
	if host, ok := strings.CutPrefix(address, "tcp://"); ok {
		return "tcp://" + strings.ToLower(host)
	}
	return address
}

func (v *checker) listener(at string, l *Listener, clients []Client) {
	scheme, rest, _ := strings.Cut(canonical(l.Address), "://")
	switch scheme {
	case "unix":
		v.unixAddress(at, rest)
		if l.TLS != nil {
			v.add(join(at, "tls"), "is for TCP listeners only")
		}
	case "tcp":
		if v.tcpAddress(at, rest) {
			v.remote(at, l, clients)
		}
		if l.Mode != 0 || l.Group != "" {
			v.add(at, "mode and group are for Unix sockets only")
		}
		if l.TrustDirectory {
			v.add(join(at, "trust_directory"), "is for Unix sockets only")
		}
	default:
		v.add(at, "the address must be unix:///ABSOLUTE/PATH or tcp://127.0.0.1:PORT")
	}
	v.listenerTLS(join(at, "tls"), l.TLS)
	if l.Mode&^fs.ModePerm != 0 {
		v.add(join(at, "mode"), "must be permission bits only")
	}
	if strings.Contains(l.Name, "://") {
		v.add(join(at, "name"), "must not look like an address: a listener without a name goes by its own")
	}
	for key, text := range map[string]string{"name": l.Name, "group": l.Group} {
		if len(text) > maxLabel || strings.ContainsFunc(text, unicode.IsControl) {
			v.add(join(at, key), "must be a short text without control characters")
		}
	}
}

func (v *checker) unixAddress(at, file string) {
	switch {
	case !strings.HasPrefix(file, "/") || path.Clean(file) != file || file == "/":
		v.add(at, "the path of a Unix socket must be absolute, without . and .. and doubled slashes")
	case len(file) > maxSocketPath:
		v.add(at, "the path of a Unix socket may have %d bytes", maxSocketPath)
	case strings.ContainsFunc(file, unicode.IsControl):
		v.add(at, "the path of a Unix socket must not hold control characters")
	}
}

// tcpAddress reports whether the address is fine, and one that others can reach.
func (v *checker) tcpAddress(at, hostPort string) (remote bool) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil || !isPort(port) {
		v.add(at, "a TCP address is tcp://HOST:PORT")
		return false
	}
	return !isLoopback(host)
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == text
}

// isLoopback reports whether host can be nothing but this machine: localhost in
// any case, or an address of it without a zone.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Zone() == "" && ip.Unmap().IsLoopback()
}

var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9_])?$`)

func (v *checker) hosts(path string, hosts []string) {
	for i, host := range hosts {
		if !isHost(host) {
			v.add(item(path, i), "must be a host or host:port in lower case, without scheme and path")
		}
	}
}

// isHost reports whether text is a name or address, with or without a port; an
// IPv6 address stands in brackets.
func isHost(text string) bool {
	host := text
	if h, port, err := net.SplitHostPort(text); err == nil {
		if !isPort(port) || port == "0" {
			return false
		}
		host = text[:len(text)-len(port)-1]
		if !strings.HasPrefix(host, "[") {
			host = h
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return closed && err == nil && ip.Is6() && inner == strings.ToLower(inner)
	}
	return hostName.MatchString(host)
}

// endpoint checks the URL of a token endpoint. The URL may hold secrets and is
// not quoted, nor is the error of its parser, which quotes it.
func (v *checker) endpoint(path, text string, allowHTTP bool) {
	if text == "" {
		v.add(path, required)
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		v.add(path, "must be an absolute URL")
	case u.User != nil:
		v.add(path, "must not hold a user or password")
	case strings.Contains(text, "#"):
		v.add(path, "must not have a fragment")
	case u.Port() != "" && !isPort(u.Port()):
		v.add(path, "has an impossible port")
	case u.Scheme == "https":
	case u.Scheme != "http":
		v.add(path, "must be an https URL")
	case !allowHTTP && !isLoopback(u.Hostname()):
		v.add(path, "must be https: without it the secret can be read on the way (allow_http: true permits it)")
	}
}
