package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"tokend/messages"
)

// The codes of a [Problem]: what a program branches on.
const (
	CodeInvalidRequest   = "invalid_request"
	CodeUnauthenticated  = "unauthenticated"
	CodeDenied           = "denied"
	CodeUnknownService   = "unknown_service"
	CodeNotFound         = "not_found"
	CodeMethodNotAllowed = "method_not_allowed"
	CodeTooLarge         = "too_large"
	CodeOverloaded       = "overloaded"
	CodeInternal         = "internal"
	CodeRejected         = "rejected"
	CodeInvalidResponse  = "invalid_response"
	CodeUnavailable      = "unavailable"
	CodeStopped          = "stopped"
	CodeTimeout          = "timeout"
)

// Problem is an error as it goes over the wire (RFC 9457). It is an error itself:
// its text is "CODE: detail".
type Problem struct {
	Type     string    `json:"type"`
	Title    string    `json:"title"`
	Status   int       `json:"status"`
	Detail   string    `json:"detail"`
	Code     string    `json:"code"`
	Service  string    `json:"service,omitempty"`
	Class    string    `json:"class,omitempty"`
	Attempts int       `json:"attempts,omitempty"`
	NextTry  time.Time `json:"next_try,omitzero"`
}

// Error returns the code and the detail.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

func problem(code, detail string) *Problem {
	status := statusOf(code)
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code}
}

func statusOf(code string) int {
	switch code {
	case CodeInvalidRequest:
		return http.StatusBadRequest
	case CodeUnauthenticated:
		return http.StatusUnauthorized
	case CodeDenied:
		return http.StatusForbidden
	case CodeUnknownService, CodeNotFound:
		return http.StatusNotFound
	case CodeMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeOverloaded:
		return http.StatusTooManyRequests
	case CodeRejected, CodeInvalidResponse:
		return http.StatusBadGateway
	case CodeUnavailable, CodeStopped:
		return http.StatusServiceUnavailable
	case CodeTimeout:
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}

// ProblemOf returns the problem that err is to a caller. The text of an error
// that is none of tokend's own is not shown, for nobody knows what is in it.
func ProblemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*messages.Error](err); ok {
		return problemOfService(e)
	}
	code, detail := codeOf(err)
	return problem(code, detail)
}

func problemOfService(e *messages.Error) *Problem {
	code, detail := codeOf(e)
	if e.Cause != nil && !gaveUp(e.Cause) {
		detail = e.Cause.Error()
	}
	if e.Service != "" {
		detail = e.Service + ": " + detail
	}
	p := problem(code, detail)
	p.Service, p.Class, p.Attempts, p.NextTry = e.Service, e.Class, e.Attempts, instant(e.NextTry)
	return p
}

func codeOf(err error) (code, detail string) {
	switch {
	case errors.Is(err, messages.ErrUnknownService):
		return CodeUnknownService, "no service of that name is configured"
	case errors.Is(err, messages.ErrRejected):
		return CodeRejected, "the identity provider refused the credentials"
	case errors.Is(err, messages.ErrInvalidResponse):
		return CodeInvalidResponse, "the identity provider answered without a usable token"
	case errors.Is(err, messages.ErrOverloaded):
		return CodeOverloaded, "too many callers are waiting already"
	case errors.Is(err, messages.ErrDenied):
		return CodeDenied, "not allowed"
	case errors.Is(err, messages.ErrStopped):
		return CodeStopped, "tokend is stopping"
	case errors.Is(err, messages.ErrUnavailable):
		return CodeUnavailable, "the identity provider cannot be reached now"
	case errors.Is(err, messages.ErrTimeout), gaveUp(err):
		return CodeTimeout, "no token came in time"
	default:
		return CodeInternal, "internal error"
	}
}

// gaveUp reports whether err says only that the caller's context ended.
func gaveUp(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// fail answers with p.
func (h *handler) fail(w http.ResponseWriter, p *Problem) {
	writeProblem(w, p, h.now())
}

func writeProblem(w http.ResponseWriter, p *Problem, now time.Time) {
	if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter(p.NextTry, now))
	}
	body, err := json.Marshal(p)
	if err != nil { // only a time outside years 0 to 9999
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"internal error","code":"internal"}`)
	}
	write(w, p.Status, problemType, body)
}

// retryAfter counts the whole seconds until next, rounded up: who comes back then
// is not too early. An unknown or past next gives 1.
func retryAfter(next, now time.Time) string {
	seconds := int64(1)
	if wait := next.Sub(now); !next.IsZero() && wait > 0 {
		seconds = max(1, int64((wait+time.Second-1)/time.Second))
	}
	return strconv.FormatInt(seconds, 10)
}
