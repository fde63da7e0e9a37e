package messages

import (
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// Placement says where in a request a service's token goes, and to which hosts it may
// be sent. At most one of Header, Query and Cookie is set; none of them means the
// Authorization header. It is here alone that a token becomes a header.
type Placement struct {
	Header string
	// Prefix stands before the token in Header. Nil: the token's type and a space in
	// Authorization, nothing in others.
	Prefix *string
	Query  string // name of a query parameter
	Cookie string // name of a cookie
	// Hosts are in lower case: "host" for any port, or "host:port". None: any host.
	Hosts []string
}

const authorization = "Authorization"

// HeaderName returns the name of the header that carries the token in its usual
// spelling; empty if the token goes into a query, which no header can express.
func (p Placement) HeaderName() string {
	switch {
	case p.Query != "":
		return ""
	case p.Cookie != "":
		return "Cookie"
	case p.Header == "":
		return authorization
	default:
		return textproto.CanonicalMIMEHeaderKey(p.Header)
	}
}

var (
	errCookie = errors.New("the token holds a character that no cookie may carry")
	errField  = errors.New("the token cannot stand in a header")
)

// HeaderOf returns the header that carries the token. It fails with [ErrDenied] for a
// token that goes into a query, and with [ErrInvalidResponse] for one that cannot stand
// in such a header.
func (p Placement) HeaderOf(t Token) (name, value string, err error) {
	name = p.HeaderName()
	if name == "" {
		return "", "", p.NoHeader(t.Service)
	}
	value, cause := p.value(name, t), error(nil)
	switch {
	case p.Cookie != "" && strings.ContainsAny(t.Value(), "\";\\"): // RFC 6265, section 4.1.1
		cause = errCookie
	case !fieldValue(value):
		cause = errField
	default:
		return name, value, nil
	}
	return "", "", &Error{Kind: ErrInvalidResponse, Service: t.Service, Cause: cause}
}

// value returns what the header holds.
func (p Placement) value(name string, t Token) string {
	switch {
	case p.Cookie != "":
		return p.Cookie + "=" + t.Value()
	case p.Prefix != nil:
		return *p.Prefix + t.Value()
	case name == authorization:
		return t.Header()
	default:
		return t.Value()
	}
}

// NoHeader returns why no header carries the service's token, which goes into a query.
func (p Placement) NoHeader(service string) error {
	return &Error{Kind: ErrDenied, Service: service, Cause: fmt.Errorf(
		"inject puts the token into the query parameter %.64q, which no header can express; take the token itself, or set inject.header or inject.cookie", p.Query)}
}

// fieldValue reports whether text can stand in a header as it is (RFC 9110, section
// 5.5, of visible ASCII).
func fieldValue(text string) bool {
	return text != "" && text == strings.Trim(text, " ") &&
		!strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// Allows reports whether the token may be sent to the URL's host.
func (p Placement) Allows(u *url.URL) bool {
	name := strings.ToLower(u.Hostname())
	return len(p.Hosts) == 0 || slices.Contains(p.Hosts, bracketed(name)) || slices.Contains(p.Hosts, net.JoinHostPort(name, portOf(u)))
}

// AllowsName reports whether the token may be sent to some port of the host.
func (p Placement) AllowsName(host string) bool {
	host = bracketed(strings.Trim(strings.ToLower(host), "[]"))
	return len(p.Hosts) == 0 || slices.ContainsFunc(p.Hosts, func(allowed string) bool {
		return allowed == host || strings.HasPrefix(allowed, host+":")
	})
}

// NotAllowed returns why the service's token is not for host.
func NotAllowed(service, host string) error {
	return &Error{Kind: ErrDenied, Service: service, Cause: fmt.Errorf("%.255s is not one of the service's hosts", host)}
}

// bracketed returns a host as it stands in a URL.
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}
