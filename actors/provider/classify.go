package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"tokend/messages"
)

// Classify turns whatever an acquisition ended with into an *Error, and nil into
// nil. It is the only place where failures get their class:
//
//	rejected    401, 403; 400 with an OAuth error that does not say "later";
//	            response.rejected holds
//	throttled   429; 503 with Retry-After, also with one that cannot be read
//	malformed   success without a usable token
//	panic       the provider panicked
//	transient   everything else
//
// An *Error that a provider returned keeps its class. The text of an error of an
// unknown type is not shown, for nobody knows what is in it.
func Classify(err error) *Error {
	switch e := known(err).(type) {
	case nil:
		return nil
	case *Error:
		return e.normal()
	case *refusal:
		return e.failure(refusalClass(e))
	case *unusable:
		return e.failure()
	case *panicked:
		return &Error{Class: messages.ClassPanic, Text: e.text(), Stack: e.stack[:min(len(e.stack), maxStack)]}
	case *unready:
		return &Error{Class: messages.ClassTransient, Reason: ReasonNotSent, Text: printable(e.text, maxText)}
	case *lost:
		return &Error{Class: messages.ClassTransient, Reason: e.reason(), Text: printable(e.text(), maxText), TimedOut: e.timedOut()}
	case *oauth2.RetrieveError:
		r := retrieved(e)
		return r.failure(refusalClass(r))
	default:
		return transient(fmt.Sprintf("provider returned a %T: return a *provider.Error to show its text", err))
	}
}

// refusalClass is the part of Classify that looks at an answer.
func refusalClass(r *refusal) string {
	switch {
	case r.judged, r.status == http.StatusUnauthorized, r.status == http.StatusForbidden:
		return messages.ClassRejected
	case r.status == http.StatusTooManyRequests, r.status == http.StatusServiceUnavailable && r.told:
		return messages.ClassThrottled
	case r.status == http.StatusBadRequest && r.named && !r.later:
		return messages.ClassRejected
	case success(r.status):
		return messages.ClassMalformed
	default:
		return messages.ClassTransient
	}
}

// temporary reports whether an OAuth error code means "later", not "no"
// (RFC 6749, section 4.1.2.1; RFC 8628, section 3.5).
func temporary(code string) bool {
	switch code {
	case "temporarily_unavailable", "server_error", "slow_down", "authorization_pending":
		return true
	default:
		return false
	}
}

func success(status int) bool { return status >= 200 && status <= 299 }

// known returns the error of a type that Classify knows err is or wraps; else a
// *lost for errors of the network and of contexts; else err.
func known(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*refusal](err); ok {
		return e
	}
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok && e != nil {
		return e
	}
	if e, ok := errors.AsType[*lost](err); ok {
		return e
	}
	if isNetwork(err) {
		return &lost{err: err}
	}
	return err
}

// refusal is an answer that brings no token, but may say why. Its texts are
// redacted already.
type refusal struct {
	status      int
	named       bool   // it has an OAuth error
	later       bool   // which means "later"
	code        string // that error, as it may be shown
	description string // error_description, or the text at response.error
	hint        string // what to do, if the status tells
	clocks      string // what to do, if the answer's date tells
	judged      bool   // response.rejected holds
	told        bool   // it had a Retry-After
	retryAfter  time.Duration
}

func (*refusal) Error() string { return "refused by the endpoint" }

func (r *refusal) failure(class string) *Error {
	e := &Error{Class: class, Text: printable(r.text(), maxText), Code: r.code, Description: r.description, Status: r.status}
	if class != messages.ClassRejected {
		e.RetryAfter = min(max(r.retryAfter, 0), maxRetryAfter)
	}
	return e
}

// text names the status, then what was said about it: "401 invalid_client: no
// such client", "503 service unavailable", "404: is token_url right?". A status
// of success is left out where response.rejected says what the answer means.
func (r *refusal) text() string {
	if r.judged && success(r.status) {
		return cmp.Or(r.said(), "response.rejected holds")
	}
	if r.clocks != "" {
		return r.reason() + ": " + r.clocks
	}
	return r.reason()
}

func (r *refusal) reason() string {
	if r.hint != "" && r.code == "" && r.description == "" {
		return fmt.Sprintf("%d: %s", r.status, r.hint)
	}
	what := r.code
	if what == "" {
		what = strings.ToLower(http.StatusText(r.status))
	}
	text := strings.TrimSpace(fmt.Sprintf("%d %s", r.status, what))
	if r.description != "" {
		text += ": " + r.description
	}
	return text
}

// said returns what the answer itself says, empty if nothing.
func (r *refusal) said() string {
	if r.code == "" || r.description == "" {
		return r.code + r.description
	}
	return r.code + ": " + r.description
}

// retrieved takes from an error of golang.org/x/oauth2, which a host's provider
// may return, what cannot hold a secret: status, code and Retry-After.
func retrieved(e *oauth2.RetrieveError) *refusal {
	r := &refusal{code: oauthCode(e.ErrorCode), named: e.ErrorCode != "", later: temporary(e.ErrorCode)}
	if e.Response != nil {
		r.status = e.Response.StatusCode
		r.retryAfter, r.told = retryAfterOf(e.Response.Header, time.Now())
	}
	return r
}

// unusable is a success without a usable token.
type unusable struct {
	text   string
	reason string // one of the Reason constants, or empty
}

func (*unusable) Error() string { return "no usable token" }

func (u *unusable) failure() *Error {
	e := malformed(u.text)
	e.Reason = u.reason
	return e
}

func unusablef(format string, args ...any) error {
	return &unusable{text: fmt.Sprintf(format, args...)}
}

// unready means that no request was sent, because something it needs is missing.
type unready struct{ text string }

func (*unready) Error() string { return "request not sent" }

func unreadyf(format string, args ...any) error {
	return &unready{fmt.Sprintf(format, args...)}
}

// isNetwork reports whether err is of a type whose kind can be told without its
// text.
func isNetwork(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || isConnection(err)
}
