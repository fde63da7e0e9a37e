package provider

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// What went wrong, where a class and a status do not tell and somebody can do
// something about it. They are names for programs; [Error].Text is for people.
const (
	ReasonNotSent           = "not_sent"           // nothing was sent: what it needs is missing or cannot be used
	ReasonNoHost            = "no_such_host"       // the name of the host cannot be resolved
	ReasonRefused           = "connection_refused" // nobody listens there
	ReasonBroken            = "connection_broken"  // the connection ended before the answer was complete
	ReasonConnectTimeout    = "connect_timeout"    // no connection came about in time
	ReasonTimeout           = "timeout"            // no answer came in time
	ReasonAuthority         = "unknown_authority"  // the server's certificate is signed by nobody known
	ReasonName              = "certificate_name"   // the server's certificate is for another name
	ReasonNoName            = "certificate_no_san" // the server's certificate has names that no one takes for names of hosts any more
	ReasonCertificate       = "bad_certificate"    // the server's certificate is not valid, or not now
	ReasonClientCertificate = "client_certificate" // the server wants another client certificate, or one at all
	ReasonNotTLS            = "not_tls"            // the server does not speak TLS
	ReasonOldTLS            = "old_tls"            // the server speaks no version or cipher of TLS that is taken here
	ReasonProxy             = "proxy"              // a proxy on the way does not let the request pass
	ReasonPage              = "page"               // the answer is HTML or XML
	ReasonNotJSON           = "not_json"           // the answer is something else that is not JSON
	ReasonIssuer            = "another_issuer"     // the metadata are not those of the issuer that is set
	ReasonNoLifetime        = "no_lifetime"        // the token comes without a lifetime
	ReasonNotPositive       = "no_life_left"       // the answer gives the token a lifetime of 0 or less
	ReasonUnreadable        = "unreadable_life"    // the answer says when the token ends, but not so that it can be read
	ReasonTooLong           = "life_too_long"      // the token lives for over 5 years
)

// reason returns that of an exchange that broke off, empty if it has no name.
func (l *lost) reason() string {
	switch {
	case proxyText(l.err, "") != "":
		return ReasonProxy
	case l.timedOut() && l.phase == connecting && (l.host != "" || isConnection(l.err)):
		return ReasonConnectTimeout
	case l.timedOut():
		return ReasonTimeout
	case is[*net.DNSError](l.err):
		return ReasonNoHost
	case errors.Is(l.err, syscall.ECONNREFUSED):
		return ReasonRefused
	}
	if reason := tlsReason(l.err); reason != "" {
		return reason
	}
	if errors.Is(l.err, syscall.ECONNRESET) || errors.Is(l.err, syscall.EPIPE) || errors.Is(l.err, io.EOF) || errors.Is(l.err, io.ErrUnexpectedEOF) {
		return ReasonBroken
	}
	return ""
}

func tlsReason(err error) string {
	switch {
	case is[x509.UnknownAuthorityError](err):
		return ReasonAuthority
	case hasNoName(err):
		return ReasonNoName
	case is[x509.HostnameError](err):
		return ReasonName
	case is[x509.CertificateInvalidError](err), is[*tls.CertificateVerificationError](err):
		return ReasonCertificate
	case is[tls.RecordHeaderError](err), errors.Is(err, http.ErrSchemeMismatch):
		return ReasonNotTLS
	case wantsCertificate(err):
		return ReasonClientCertificate
	case isOldTLS(err):
		return ReasonOldTLS
	default:
		return ""
	}
}

// wantsCertificate reports whether err is the alert by which a server ends a
// handshake for want of a client certificate that it takes.
func wantsCertificate(err error) bool {
	switch alertOf(err) {
	case "tls: certificate required", "tls: bad certificate", "tls: unknown certificate authority":
		return true
	default:
		return false
	}
}

// alertOf returns the alert by which the peer has ended a handshake, empty if it has
// not. crypto/tls has a fixed text for each.
func alertOf(err error) string {
	e, ok := errors.AsType[*net.OpError](err)
	if !ok || e.Op != "remote error" || e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

// hasNoName reports whether a certificate is for no name at all: what stands in its
// Common Name alone is a name to people (RFC 9525, section 2).
func hasNoName(err error) bool {
	e, ok := errors.AsType[x509.HostnameError](err)
	return ok && e.Certificate != nil && len(e.Certificate.DNSNames)+len(e.Certificate.IPAddresses) == 0
}

// isOldTLS reports whether both sides found nothing in common: the alerts of a peer, or
// what crypto/tls says of a peer that chose what it was not offered.
func isOldTLS(err error) bool {
	alert := alertOf(err)
	return alert == "tls: handshake failure" || alert == "tls: insufficient security level" || isOldVersion(err)
}

// isOldVersion reports whether that is for the peer's version of TLS.
func isOldVersion(err error) bool {
	if alertOf(err) == "tls: protocol version not supported" {
		return true
	}
	e, ok := errors.AsType[*url.Error](err)
	return ok && e.Err != nil && strings.HasPrefix(e.Err.Error(), "tls: server selected unsupported protocol version")
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
