package provider

import (
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// place names the setting that says where the token is.
func (r *Response) place() string {
	switch {
	case r.TokenHeader != "":
		return "response.token_header"
	case r.TokenCookie != "":
		return "response.token_cookie"
	case r.TokenText:
		return "response.token_text"
	default:
		return "response.token"
	}
}

// reader returns what reads the token, wherever it is.
func (r *Response) reader(a *answer) func(gjson.Result) (string, error) {
	switch {
	case r.TokenHeader != "":
		return func(gjson.Result) (string, error) { return text(inHeader(bareToken(a.header.Get(r.TokenHeader)))) }
	case r.TokenCookie != "":
		return func(gjson.Result) (string, error) { return r.fromCookie(a) }
	case r.TokenText:
		return func(gjson.Result) (string, error) { return fromBody(a) }
	default:
		return text
	}
}

// inHeader returns a header's value as gjson would.
func inHeader(value string) gjson.Result {
	if value == "" {
		return gjson.Result{}
	}
	return textValue(value)
}

// bareToken returns a token without Bearer before it.
func bareToken(value string) string {
	if kind, token, ok := strings.Cut(value, " "); ok && strings.EqualFold(kind, bearer) {
		return strings.TrimSpace(token)
	}
	return value
}

func (r *Response) fromCookie(a *answer) (string, error) {
	c := a.session(r.TokenCookie)
	if c == nil || c.Value == "" || c.MaxAge < 0 {
		return "", errMissing
	}
	return c.Value, nil
}

// fromBody returns a body that is a token.
func fromBody(a *answer) (string, error) {
	switch {
	case a.tooLarge:
		return "", errLongValue
	case len(a.body) == 0:
		return "", errMissing
	default:
		return string(a.body), nil
	}
}

// isDocument reports whether a body begins as HTML, XML or JSON do, and no token.
func isDocument(body []byte) bool {
	return len(body) > 0 && strings.IndexByte(`<{["`, body[0]) >= 0
}

// bound adds how long headers and the cookie let the token live.
func (r *Response) bound(e *ends, a *answer) {
	if text, ok := headerOf(a, r.ExpiresInHeader); ok {
		e.lifetime("response.expires_in_header", textValue(text), time.Second)
	}
	if text, ok := headerOf(a, r.ExpiresAtHeader); ok {
		if at, err := time.Parse(time.ANSIC, text); err == nil { // in headers, that is GMT
			text = at.Format(time.RFC3339)
		}
		e.moment("response.expires_at_header", textValue(text))
	}
	if c := a.session(r.TokenCookie); r.TokenCookie != "" && c != nil {
		e.cookie(c)
	}
}

// headerOf returns a header's value, and whether the answer has it.
func headerOf(a *answer, name string) (string, bool) {
	if values := a.header.Values(name); name != "" && len(values) > 0 {
		return strings.TrimSpace(values[0]), true
	}
	return "", false
}

// textValue returns a text as gjson would.
func textValue(text string) gjson.Result { return gjson.Result{Type: gjson.String, Str: text} }
