package messages

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// What a caller branches on. Every error of tokend that concerns a service is an
// [*Error] that matches exactly one of these under [errors.Is].
var (
	// ErrUnknownService: no service of that name is configured.
	ErrUnknownService = errors.New("unknown service")
	// ErrUnavailable: the IdP cannot be asked or cannot answer now; try again later.
	ErrUnavailable = errors.New("unavailable")
	// ErrRejected: the IdP refused the service's credentials; a person must act.
	ErrRejected = errors.New("rejected")
	// ErrInvalidResponse: the IdP answered, but not with a usable token.
	ErrInvalidResponse = errors.New("invalid response")
	// ErrOverloaded: too many callers are waiting for this service already.
	ErrOverloaded = errors.New("overloaded")
	// ErrDenied: the caller may not have this.
	ErrDenied = errors.New("denied")
	// ErrTimeout: the caller's own time ran out before the token came.
	ErrTimeout = errors.New("timeout")
	// ErrStopped: tokend is stopping, has stopped, or was not started.
	ErrStopped = errors.New("stopped")
)

// The classes of a failed acquisition.
const (
	ClassRejected  = "rejected"  // the IdP refused the credentials or the request
	ClassMalformed = "malformed" // it answered with success, but without a usable token
	ClassThrottled = "throttled" // it asked to be left alone for a while
	ClassAmbiguous = "ambiguous" // a single-use refresh token was sent and no answer came
	ClassPanic     = "panic"     // the provider panicked
	ClassTransient = "transient" // everything else
)

// ErrorOf returns the sentinel that a failure of the given class shows callers.
func ErrorOf(class string) error {
	switch class {
	case ClassRejected:
		return ErrRejected
	case ClassMalformed:
		return ErrInvalidResponse
	default:
		return ErrUnavailable
	}
}

// Error is an error about one service. Under [errors.Is] it matches its Kind and
// its Cause; no text in it holds a secret.
type Error struct {
	Kind     error     // one of the sentinels of this package
	Service  string    // the service concerned
	Class    string    // class of the failed acquisition, empty if none failed
	Attempts int       // failed attempts in a row
	NextTry  time.Time // when tokend itself tries again; zero if it does not
	Cause    error     // what happened; may be nil
}

// FailureError returns the error that callers of service get while f is the
// outcome of the last attempt.
func FailureError(service string, f Failure) *Error {
	return &Error{
		Kind: ErrorOf(f.Class), Service: service, Class: f.Class,
		Attempts: f.Attempts, NextTry: f.NextTry, Cause: errors.New(f.Text),
	}
}

// Error says what happened to which service and when tokend tries again.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Service != "" {
		b.WriteString(e.Service + ": ")
	}
	b.WriteString(e.Kind.Error())
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	if e.Attempts > 0 {
		fmt.Fprintf(&b, " (%s, attempt %d", e.Class, e.Attempts)
		if !e.NextTry.IsZero() {
			b.WriteString(", next try " + e.NextTry.UTC().Format(time.RFC3339))
		}
		b.WriteString(")")
	}
	return b.String()
}

// Unwrap returns Kind and Cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}
