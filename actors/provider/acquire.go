package provider

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"tokend/messages"
)

// maxToken bounds an access token. Real ones are a few KiB; headers of that size
// are refused nearly everywhere.
const maxToken = 64 << 10

// Acquire asks p for a token and returns one that can be used, with its Type
// filled in, or an error that is always an *[Error] and shows nothing that req
// hides; beside an error the Result holds a State at most. A panic of p is one as
// well. How long p may take is for ctx to say and for p to keep.
func Acquire(ctx context.Context, p Provider, req Request) (Result, error) {
	trace := traceOf(ctx)
	res, err := guarded(WithTrace(ctx, trace), p, req)
	if err != nil {
		e := explain(ctx, conceal(p, &req, err))
		trace.judge(e)
		return Result{State: res.State}, e
	}
	if res.Type == "" {
		res.Type = bearer
	}
	res.unwrap()
	res.tellType()
	if problem := unusableText(&res); problem != "" {
		e := malformed(problem)
		trace.judge(e)
		e.Lost, e.Probe = loss(p, &req, res.Lost), res.Probe
		return Result{State: res.State}, e
	}
	res.Lost = loss(p, &req, res.Lost)
	return res, nil
}

// loss returns what a result says about a lost login, as it may be shown.
func loss(p Provider, req *Request, text string) string {
	if text == "" {
		return ""
	}
	return conceal(p, req, &Error{Lost: text}).Lost
}

// guarded is p.Acquire with a panic as an error.
func guarded(ctx context.Context, p Provider, req Request) (res Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			res, err = Result{}, &panicked{v, string(debug.Stack())}
		}
	}()
	return p.Acquire(ctx, req)
}

// conceal classifies err, without what req hides. The providers of this package
// have seen to that themselves, knowing which part of a text is whose.
func conceal(p Provider, req *Request, err error) *Error {
	if _, ours := p.(interface{ discreet() }); ours {
		return Classify(err)
	}
	var hidden secrets
	req.hide(&hidden)
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		return hidden.conceal(*e).normal() // in this order: what is cut off half matches nothing
	}
	return hidden.conceal(*Classify(err))
}

// conceal returns e without secrets.
func (s *secrets) conceal(e Error) *Error {
	clean, why := s.clean(e.Text)
	if why != "" {
		clean = "text " + why
	}
	e.Text, e.Code, e.Reason = clean, s.showCode(e.Code), s.showCode(e.Reason)
	e.Description = s.show(e.Description, maxDescription)
	if e.Lost, why = s.clean(e.Lost); why != "" {
		e.Lost = "text " + why
	}
	e.Stack = s.redact(e.Stack[:min(len(e.Stack), maxStack)])
	return &e
}

// explain says more about e. When the acquisition's time had run out, a failure
// without an answer is a timeout whatever the provider calls it.
func explain(ctx context.Context, e *Error) *Error {
	if ctx.Err() == context.DeadlineExceeded && e.Class == messages.ClassTransient && e.Status == 0 && !e.TimedOut {
		e.TimedOut, e.Reason = true, ReasonTimeout
		e.Text = printable("timeout: "+e.Text, maxText)
	}
	return e
}

// unusableText says why a result cannot be handed out, or nothing. A token and
// its type make up a header field together (RFC 9110, section 5.5), so neither
// may break out of it, nor lose spaces at its ends on the way. RFC 6750 permits
// less in a token, but not all servers keep to that.
func unusableText(res *Result) string {
	token := res.AccessToken.Reveal()
	switch {
	case token == "":
		return "no access token"
	case len(token) > maxToken:
		return fmt.Sprintf("access token of %d bytes, more than %d", len(token), maxToken)
	case !visibleASCII(token):
		return "access token holds a space or another character that is not visible ASCII"
	case !isHTTPToken(res.Type):
		return "token type is not one word"
	default:
		return ""
	}
}

// headerSafe reports whether text has no control characters.
func headerSafe(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// visibleASCII reports whether text has no other characters than that.
func visibleASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// isHTTPToken reports whether text is a token of RFC 9110, section 5.6.2, as
// methods, header names and authorization schemes are.
func isHTTPToken(text string) bool {
	if text == "" || len(text) > maxCode {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

// panicked is what a provider's panic becomes.
type panicked struct {
	value any
	stack string
}

func (*panicked) Error() string { return "provider panicked" }

// text names the value's type alone: anything may be in it. Texts of the runtime
// ("index out of range") are harmless and needed.
func (p *panicked) text() string {
	text := fmt.Sprintf("provider panicked: %T", p.value)
	if e, ok := p.value.(runtime.Error); ok {
		text += ": " + e.Error()
	}
	return printable(text, maxText)
}
