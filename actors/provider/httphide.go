package provider

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// hide makes every value of the request known to hidden, one by one: an answer
// quotes a password, not the body it came in.
func (r *HTTPRequest) hide(hidden *secrets) {
	for _, secret := range r.Secrets {
		hidden.add(secret.Reveal())
	}
	for _, value := range r.Headers {
		hideHeader(hidden, value)
	}
	for _, set := range []map[string]string{r.Query, r.Form} {
		for _, value := range set {
			hidden.addLiteral(value)
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

// hideHeader hides a value, what follows an authorization scheme in it, the name
// and password that Basic carries (RFC 7617, section 2), and the values of cookies
// and parameters.
func hideHeader(hidden *secrets, value string) {
	hidden.addLiteral(value)
	for _, field := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(";, ", r) }) {
		if _, parameter, ok := strings.Cut(field, "="); ok {
			hidden.addLiteral(strings.Trim(parameter, `"`))
		}
	}
	_, credentials, ok := strings.Cut(value, " ")
	if !ok {
		return
	}
	hidden.addLiteral(credentials)
	if plain, err := base64.StdEncoding.DecodeString(credentials); err == nil {
		name, password, _ := strings.Cut(string(plain), ":")
		hidden.addLiteral(name)
		hidden.add(password)
	}
}

// hideURL hides the values of a query, a user, and what in a path may be a key.
func hideURL(hidden *secrets, u *url.URL) {
	for _, values := range u.Query() {
		hidden.addLiteral(values...)
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if !isRoute(segment) {
			hidden.addLiteral(segment)
		}
	}
	if password, ok := u.User.Password(); ok {
		hidden.add(password)
	}
	hidden.addLiteral(u.User.Username())
}

// isRoute reports whether a segment of a path is the name of what lies there, and
// not a key: a short one of letters alone, such as "login". Answers are full of
// such words, so hiding them would leave nothing.
func isRoute(segment string) bool {
	const longest = 20
	return len(segment) <= longest && !strings.ContainsFunc(segment, func(r rune) bool {
		return !unicode.IsLetter(r) && !strings.ContainsRune("-_.", r)
	})
}

// hideBody hides a body, and what it holds if it is JSON or a form.
func hideBody(hidden *secrets, body string) {
	hidden.addLiteral(body)
	var document any
	if json.Unmarshal([]byte(body), &document) == nil {
		hideLeaves(hidden, document)
		return
	}
	if form, err := url.ParseQuery(body); err == nil {
		for _, values := range form {
			hidden.addLiteral(values...)
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
		hidden.addLiteral(string(number))
	default:
		hidden.addLiteral(fmt.Sprint(v))
	}
}
