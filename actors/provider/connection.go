package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
)

// phase is how far an exchange with an endpoint has come.
type phase int32

const (
	connecting phase = iota // resolving, dialling, TLS handshake
	waiting                 // the request is on its way
	reading                 // status and headers are there
)

// errConnectTimeout ends the context of an exchange that could not connect in
// time.
var errConnectTimeout = errors.New("connect timeout")

// errGivenBack ends the context of an exchange whose request net/http is about to
// send a second time.
var errGivenBack = errors.New("request given back")

// errSilent ends the context of an exchange whose connection the other end must have
// forgotten.
var errSilent = errors.New("connection went silent")

// lost is an exchange that broke off without an answer. Its text is made of the
// kind of err alone, never of err's own text, which may hold a URL.
type lost struct {
	host  string // host:port of the endpoint; empty: unknown
	phase phase
	err   error
}

func (*lost) Error() string { return "no answer from the endpoint" }

func (l *lost) timedOut() bool {
	if errors.Is(l.err, context.DeadlineExceeded) || errors.Is(l.err, errConnectTimeout) || errors.Is(l.err, errSilent) || errors.Is(l.err, os.ErrDeadlineExceeded) {
		return true
	}
	timeout, ok := errors.AsType[net.Error](l.err)
	return ok && timeout.Timeout()
}

func (l *lost) text() string {
	switch {
	case l.timedOut():
		return l.timeoutText()
	case errors.Is(l.err, context.Canceled):
		return "acquisition was called off"
	case errors.Is(l.err, errGivenBack):
		return l.where() + " gave the request back without an answer"
	}
	for _, describe := range []func(error, string) string{proxyText, certificateText, tlsText, dnsText, socketText} {
		if text := describe(l.err, l.where()); text != "" {
			return text
		}
	}
	return fmt.Sprintf("no valid HTTP answer from %s", l.where())
}

func (l *lost) timeoutText() string {
	switch {
	case l.host == "" && !isConnection(l.err):
		return "timeout"
	case l.phase == waiting:
		return "timeout waiting for the answer of " + l.where()
	case l.phase == reading:
		return "timeout reading the answer of " + l.where()
	default:
		return "timeout connecting to " + l.where()
	}
}

// where names the endpoint: its host and port, for a host's own client the host
// of the URL that the error names.
func (l *lost) where() string {
	if l.host != "" {
		return l.host
	}
	if e, ok := errors.AsType[*url.Error](l.err); ok {
		if u, err := url.Parse(e.URL); err == nil && u.Host != "" {
			return hostPort(u)
		}
	}
	return "the endpoint"
}

// isConnection reports whether err comes from net, net/http, crypto/tls or
// crypto/x509, or says that a connection ended early. It does not go by the
// interface net.Error, which errors of files implement as well.
func isConnection(err error) bool {
	if _, ok := errors.AsType[*url.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	for _, describe := range []func(error, string) string{proxyText, certificateText, tlsText, dnsText} {
		if describe(err, "") != "" {
			return true
		}
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// proxyRefusal is a proxy's answer to CONNECT other than 200.
type proxyRefusal struct{ status int }

func (*proxyRefusal) Error() string { return "refused by the proxy" }

func proxyText(err error, where string) string {
	if e, ok := errors.AsType[*proxyRefusal](err); ok {
		return fmt.Sprintf("proxy answered %d when asked for %s", e.status, where)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "proxyconnect" {
		return (&lost{host: "the proxy", err: e.Err}).text()
	}
	return ""
}

func certificateText(err error, where string) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "certificate signed by unknown authority: set tls.ca_file"
	}
	if hasNoName(err) {
		return fmt.Sprintf("certificate of %s has no SAN (subject alternative name), and its Common Name counts no more: have it replaced by one that names the host there", where)
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("certificate is for another name than %s: set tls.server_name", where)
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if e.Reason == x509.Expired {
			return fmt.Sprintf("certificate of %s has expired or is not valid yet", where)
		}
		return fmt.Sprintf("certificate of %s is not valid", where)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Sprintf("certificate of %s cannot be verified", where)
	}
	return ""
}

// What may help where both sides have nothing in common.
const (
	oldVersion = "have it updated to TLS 1.2 or later"
	oldTLS     = "have it offer a cipher with ECDHE; if it knows RSA key exchange alone, start with GODEBUG=tlsrsakex=1"
)

func tlsText(err error, where string) string {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return fmt.Sprintf("%s does not speak TLS: is it http://?", where)
	}
	// An alert of the peer; crypto/tls has a fixed text for each.
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "remote error" && e.Err != nil {
		text := fmt.Sprintf("%s ended the TLS handshake: %s", where, e.Err)
		switch {
		case wantsCertificate(err):
			text += ": set tls.cert_file and tls.key_file"
		case isOldVersion(err):
			text += ": " + oldVersion
		case isOldTLS(err):
			text += ": " + oldTLS
		}
		return text
	}
	if isOldVersion(err) {
		return where + " speaks TLS 1.1 or older: " + oldVersion
	}
	return ""
}

func dnsText(err error, _ string) string {
	e, ok := errors.AsType[*net.DNSError](err)
	switch {
	case !ok:
		return ""
	case e.IsNotFound:
		return "no such host: " + e.Name
	default:
		return "name cannot be resolved: " + e.Name
	}
}

func socketText(err error, where string) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused by " + where
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset by " + where
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed by " + where + " before the answer was complete"
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return fmt.Sprintf("no connection to %s: %s", where, errno.Error())
	}
	return ""
}
