package provider

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"tokend/messages"
)

// HTTPRequest is what a [Login] sends. All of it counts as secret: it prints
// redacted, and every value in it is kept out of error texts. At most one of
// JSON, Form and Body is set. Make it when it is asked for and keep it in no
// struct: fmt does not ask values in unexported fields how they print.
type HTTPRequest struct {
	Method  string            // empty: POST
	URL     string            // with or without a query
	Query   map[string]string // added to the URL's own
	Headers map[string]string // Accept and Content-Type have defaults
	JSON    any               // nil, strings, numbers, booleans, []any and map[string]any
	Form    map[string]string // sent form-encoded
	Body    *string           // sent as it is
}

// String returns [messages.Redacted].
func (HTTPRequest) String() string { return messages.Redacted }

// Format prints [messages.Redacted] for every verb.
func (HTTPRequest) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, messages.Redacted) }

// MarshalText returns [messages.Redacted].
func (HTTPRequest) MarshalText() ([]byte, error) { return []byte(messages.Redacted), nil }

// LogValue returns [messages.Redacted].
func (HTTPRequest) LogValue() slog.Value { return slog.StringValue(messages.Redacted) }

// build returns the request to send. Its errors quote no value.
func (r *HTTPRequest) build(ctx context.Context, e Endpoint) (*http.Request, error) {
	u, err := e.parse("request.url", r.URL)
	if err != nil {
		return nil, unreadyf("%s", err)
	}
	r.addQuery(u)
	body, kind, err := r.content()
	if err != nil {
		return nil, err
	}
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, unreadyf("request.method, request.url: no request can be made of them")
	}
	req.Header.Set("Accept", "application/json")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	return req, r.addHeaders(req)
}

func (r *HTTPRequest) addQuery(u *url.URL) {
	if len(r.Query) == 0 {
		return // leaves the URL's own as it is written
	}
	query := u.Query()
	for name, value := range r.Query {
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
}

// content returns the body and its type.
func (r *HTTPRequest) content() (body []byte, kind string, err error) {
	bodies := 0
	if r.JSON != nil {
		bodies++
		if err := plain(r.JSON); err != nil {
			return nil, "", err
		}
		if body, err = json.Marshal(r.JSON); err != nil {
			return nil, "", unreadyf("request.json: cannot be written as JSON")
		}
		kind = "application/json"
	}
	if r.Form != nil {
		bodies++
		body, kind = []byte(encoded(r.Form)), "application/x-www-form-urlencoded"
	}
	if r.Body != nil {
		bodies++
		body, kind = []byte(*r.Body), ""
	}
	if bodies > 1 {
		return nil, "", unreadyf("request: more than one of json, form and body")
	}
	return body, kind, nil
}

func encoded(form map[string]string) string {
	values := url.Values{}
	for name, value := range form {
		values.Set(name, value)
	}
	return values.Encode()
}

// plain refuses what would be sent as something else than it is: a secret that
// prints redacted would be sent redacted.
func plain(v any) error {
	switch v := v.(type) {
	case nil, string, bool, float64, float32, int, int64, int32, uint, uint64, uint32, json.Number:
		return nil
	case []any:
		for _, item := range v {
			if err := plain(item); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		for _, item := range v {
			if err := plain(item); err != nil {
				return err
			}
		}
		return nil
	default:
		return unreadyf("request.json: holds a %T", v)
	}
}

func (r *HTTPRequest) addHeaders(req *http.Request) error {
	for name, value := range r.Headers {
		if !isHTTPToken(name) || !headerSafe(value) {
			return unreadyf("request.headers: a name or value holds characters that no header may carry")
		}
		if strings.EqualFold(name, "Host") {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	return nil
}

// hide makes every value of the request known to hidden, one by one: an answer
// quotes a password, not the body it came in.
func (r *HTTPRequest) hide(hidden *secrets) {
	for _, value := range r.Headers {
		hideHeader(hidden, value)
	}
	for _, set := range []map[string]string{r.Query, r.Form} {
		for _, value := range set {
			hidden.add(value)
		}
	}
	hideLeaves(hidden, r.JSON)
	if r.Body != nil {
		hideBody(hidden, *r.Body)
	}
	if u, err := url.Parse(r.URL); err == nil {
		hideURL(hidden, u)
	}
}

// hideHeader hides a value, what follows an authorization scheme in it, and the
// name and password that Basic carries (RFC 7617, section 2).
func hideHeader(hidden *secrets, value string) {
	hidden.add(value)
	_, credentials, ok := strings.Cut(value, " ")
	if !ok {
		return
	}
	hidden.add(credentials)
	if plain, err := base64.StdEncoding.DecodeString(credentials); err == nil {
		name, password, _ := strings.Cut(string(plain), ":")
		hidden.add(name, password)
	}
}

func hideURL(hidden *secrets, u *url.URL) {
	for _, values := range u.Query() {
		hidden.add(values...)
	}
	if password, ok := u.User.Password(); ok {
		hidden.add(password)
	}
	hidden.add(u.User.Username())
}

// hideBody hides a body, and what it holds if it is JSON or a form.
func hideBody(hidden *secrets, body string) {
	hidden.add(body)
	var document any
	if json.Unmarshal([]byte(body), &document) == nil {
		hideLeaves(hidden, document)
		return
	}
	if form, err := url.ParseQuery(body); err == nil {
		for _, values := range form {
			hidden.add(values...)
		}
	}
}

func hideLeaves(hidden *secrets, v any) {
	switch v := v.(type) {
	case nil, bool:
	case []any:
		for _, item := range v {
			hideLeaves(hidden, item)
		}
	case map[string]any:
		for _, item := range v {
			hideLeaves(hidden, item)
		}
	case float64:
		number, _ := json.Marshal(v) // as it was sent: 1234567, not 1.234567e+06
		hidden.add(string(number))
	default:
		hidden.add(fmt.Sprint(v))
	}
}
