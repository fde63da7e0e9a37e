package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"tokend/system/httpapi"
)

// unreachable returns why no answer of the node came.
func (n *node) unreachable(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(context.Cause(ctx), errSilent):
		return &failure{exit: exitFailed, code: httpapi.CodeTimeout, err: fmt.Errorf("the node at %s has not answered in time; --timeout or --wait allow more", n.addr)}
	case ctx.Err() != nil:
		return interrupted(ctx)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if text := n.distrust(err); text != "" {
		return unavailable(fmt.Errorf("%s (%w)", text, err))
	}
	if errors.Is(err, fs.ErrPermission) && strings.HasPrefix(n.addr, "unix://") {
		return unavailable(fmt.Errorf("this user may not open %s (%w); listen[].mode and group of the node's configuration let other users in, --addr or %s name another place", n.addr, err, addrEnv))
	}
	return unavailable(fmt.Errorf("no node answers at %s (%w); is tokend serve running there? --addr or %s name another place", n.addr, err, addrEnv))
}

// distrust says what to do where one side does not accept the certificate of the
// other, or does not speak TLS; nothing in other cases.
func (n *node) distrust(err error) string {
	const servesPlainly = "server gave HTTP response to HTTPS client" // net/http has no error of its own for it
	switch {
	case isType[x509.UnknownAuthorityError](err):
		return "the certificate of the node at " + n.addr + " comes from an authority that is not known here: --ca-file or " + caFileEnv + " names the file with that authority's certificate"
	case isType[*tls.CertificateVerificationError](err), isType[x509.HostnameError](err), isType[x509.CertificateInvalidError](err):
		return "the certificate of the node at " + n.addr + " is not accepted"
	case isType[tls.AlertError](err):
		return "the node at " + n.addr + " refuses the TLS connection: it may want a certificate that it knows, which --cert-file and --cert-key-file name"
	case err != nil && strings.Contains(err.Error(), servesPlainly):
		return "the node at " + n.addr + " does not use TLS: its address begins with http://"
	default:
		return ""
	}
}

// disbelieved reports whether err is about certificates, which waiting does not change.
func disbelieved(err error) bool {
	return isType[*tls.CertificateVerificationError](err) || isType[tls.AlertError](err)
}

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
