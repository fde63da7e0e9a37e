package provider

import (
	"bytes"
	"cmp"
	"context"
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
	// Secrets are texts in all of that which are secret by themselves: they are kept
	// out of error texts also where they are a part of something longer.
	Secrets []messages.Secret
	// Template makes the texts of URL, Query, Headers, JSON, Form and Body templates,
	// if it is not nil: what stands between {{ and }} in them is computed for each
	// request. It resolves the references in texts that are part of one.
	Template func(text string) (Text, error)
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
	req, err := http.NewRequestWithContext(ctx, r.method(), u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, unreadyf("request.method, request.url: no request can be made of them")
	}
	req.Header.Set("Accept", "application/json")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	return req, r.addHeaders(req)
}

func (r *HTTPRequest) method() string { return cmp.Or(r.Method, http.MethodPost) }

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

// scope returns the scopes that the request asks for: those in a field or member
// of that name. What holds a secret is left out.
func (r *HTTPRequest) scope() []string {
	texts := []string{r.Form["scope"], r.Query["scope"]}
	body, _ := r.JSON.(map[string]any)
	switch v := body["scope"].(type) {
	case string:
		texts = append(texts, v)
	case []any:
		for _, item := range v {
			text, _ := item.(string)
			texts = append(texts, text)
		}
	}
	all := strings.Join(texts, " ")
	for _, secret := range r.Secrets {
		if strings.Contains(all, secret.Reveal()) {
			return nil
		}
	}
	return strings.Fields(all)
}
