package provider

import (
	"bytes"
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
//	rejected    response.rejected holds; where it is not configured, 401 and 403 of
//	            the API, and an error that is not about trouble that passes in a
//	            400 or in a success without a token; for a login 409, 412, 422 and
//	            423 as well
//	throttled   429; 4xx and 5xx with Retry-After, also with one that cannot be read;
//	            an error that says so
//	malformed   success without a usable token and without an error
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
		return e.failure()
	case *unusable:
		return e.failure()
	case *panicked:
		return &Error{Class: messages.ClassPanic, Text: e.text(), Stack: e.stack[:min(len(e.stack), maxStack)]}
	case *unready:
		return &Error{Class: messages.ClassTransient, Reason: ReasonNotSent, Text: printable(e.text, maxText)}
	case *lost:
		return &Error{Class: messages.ClassTransient, Reason: e.reason(), Text: printable(e.text(), maxText), TimedOut: e.timedOut()}
	case *oauth2.RetrieveError:
		return retrieved(e).failure()
	default:
		return transient(fmt.Sprintf("provider returned a %T: return a *provider.Error to show its text", err))
	}
}

// verdict is what an answer without a token comes to: see [Error].
type verdict struct {
	class          string
	again, sparing bool
}

// verdict is the part of Classify that looks at an answer. Where response.rejected is
// configured it alone says that credentials were refused; else what the body says
// counts before the status.
func (r *refusal) verdict() verdict {
	unclear := verdict{class: messages.ClassTransient}
	if success(r.status) || r.what != "" {
		unclear.class = messages.ClassMalformed
	}
	decides := r.status == http.StatusBadRequest || r.status < 400
	switch {
	case r.judged:
		return verdict{class: messages.ClassRejected}
	case r.status == http.StatusTooManyRequests, r.told:
		return verdict{class: messages.ClassThrottled}
	case r.page:
		return r.pageVerdict(unclear)
	case r.says == slowing:
		return verdict{class: messages.ClassThrottled}
	case r.says == passing:
		return verdict{class: messages.ClassTransient}
	case r.bound:
		return unclear
	case refuses(r.status), r.login && refusesLogin(r.status), decides && r.says == refusing:
		return verdict{class: messages.ClassRejected}
	default:
		unclear.again = decides && r.says == wordless || r.doubtful
		return unclear
	}
}

// pageVerdict judges a page, which says nothing but by its status. A person's
// password must not be shown to it again and again.
func (r *refusal) pageVerdict(unclear verdict) verdict {
	unclear.sparing = r.login && r.status == http.StatusForbidden
	switch {
	case r.bound:
		return unclear
	case refuses(r.status) && r.challenged, r.login && (r.status == http.StatusUnauthorized || refusesLogin(r.status)):
		return verdict{class: messages.ClassRejected}
	default:
		unclear.again = r.doubtful
		return unclear
	}
}

// refuses reports whether an answer of the API with that status says so, whatever it
// holds.
func refuses(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// refusesLogin reports whether a login that is answered with that status was refused:
// its servers agree less than those of OAuth on what says so.
func refusesLogin(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed,
		http.StatusUnprocessableEntity, http.StatusLocked:
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
	says        meaning // of its error
	code        string  // its error code, as it may be shown
	description string  // what else it says about it
	what        string  // what is missing, where the status does not tell
	hint        string  // what to do, if the status tells
	clocks      string  // what to do, if the answer's date tells
	page        bool    // it is HTML
	challenged  bool    // it says how to prove who one is
	login       bool    // it is the answer to a login
	bound       bool    // response.rejected is configured
	judged      bool    // and holds
	doubtful    bool    // nothing tells, but that is how some servers refuse a login
	told        bool    // it had a Retry-After
	retryAfter  time.Duration
}

func (*refusal) Error() string { return "refused by the endpoint" }

func (r *refusal) failure() *Error {
	v := r.verdict()
	e := &Error{
		Class: v.class, Again: v.again, Sparing: v.sparing, Page: r.page,
		Text: printable(r.text(), maxText), Code: r.code, Description: r.description, Status: r.status,
	}
	if v.class != messages.ClassRejected {
		e.RetryAfter = min(max(r.retryAfter, 0), maxRetryAfter)
	}
	if r.page && refuses(r.status) && v.class != messages.ClassRejected {
		e.Reason = ReasonPage
	}
	return e
}

// text names the status, then what was said about it: "401 invalid_client: no
// such client", "503 service unavailable", "404: is token_url right?". A status
// of success is left out where response.rejected says what the answer means.
func (r *refusal) text() string {
	if r.what != "" {
		return strings.TrimSuffix(r.what+": "+r.said(), ": ")
	}
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
	r := &refusal{code: oauthCode(e.ErrorCode), says: meaningOf(e.ErrorCode)}
	if e.Response != nil {
		r.status = e.Response.StatusCode
		r.challenged = e.Response.Header.Get("WWW-Authenticate") != ""
		r.page = (&answer{header: e.Response.Header, body: bytes.TrimSpace(e.Body)}).isPage()
		if r.status >= 400 {
			r.retryAfter, r.told = retryAfterOf(e.Response.Header, time.Now())
		}
	}
	return r
}

// unusable is a success without a usable token.
type unusable struct {
	text   string
	reason string // one of the Reason constants, or empty
	page   bool   // as in [Error]
	again  bool   // as in [Error]
}

func (*unusable) Error() string { return "no usable token" }

func (u *unusable) failure() *Error {
	e := malformed(u.text)
	e.Reason, e.Page, e.Again = u.reason, u.page, u.again
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
