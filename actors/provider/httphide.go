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
		for name, value := range set {
			hideNamed(hidden, name, value)
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
	for name, values := range u.Query() {
		hideNamed(hidden, name, values...)
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
		for name, values := range form {
			hideNamed(hidden, name, values...)
		}
	}
}

// hideLeaves hides the values of a document.
func hideLeaves(hidden *secrets, document any) {
	leavesOf("", document, func(name, value string) { hideNamed(hidden, name, value) })
}

// leavesOf visits the values of a document with the names of the members that they
// are; name is that of v.
func leavesOf(name string, v any, visit func(name, value string)) {
	switch v := v.(type) {
	case nil, bool:
	case []any:
		for _, item := range v {
			leavesOf(name, item, visit)
		}
	case map[string]any:
		for name, item := range v {
			leavesOf(name, item, visit)
		}
	case float64:
		number, _ := json.Marshal(v) // as it was sent: 1234567, not 1.234567e+06
		visit(name, string(number))
	default:
		visit(name, fmt.Sprint(v))
	}
}

// hideNamed hides values that stand under a name, unless it says that they tell who
// asks: reasons are about that, and are of no use without it. References among them
// are hidden by themselves.
func hideNamed(hidden *secrets, name string, values ...string) {
	if !isPerson(name) {
		hidden.addLiteral(values...)
	}
}

// isPerson reports whether what stands under a name tells who asks, and proves nothing.
func isPerson(name string) bool {
	switch strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name)) {
	case "user", "username", "login", "email", "account":
		return true
	default:
		return false
	}
}
