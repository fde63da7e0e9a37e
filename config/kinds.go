package config

import (
	"net/textproto"
	"net/url"
	"regexp"
	"strings"
)

// required is what a key is told that has to be set.
const required = "required"

// resolve returns the text of a secret, and false when there is none or when
// what is wrong with it has been reported.
func (v *checker) resolve(path string, s Secret) (string, bool) {
	text, err := s.Resolve()
	if err != nil {
		v.add(path, "%v", err)
	}
	return text.Reveal(), err == nil && !s.IsZero()
}

// need is resolve for a secret that has to be set.
func (v *checker) need(path string, s Secret) (string, bool) {
	if s.IsZero() {
		v.add(path, required)
	}
	return v.resolve(path, s)
}

func (v *checker) secrets(path string, all Secrets) {
	for name, s := range all {
		if name == "" {
			v.add(path, "has an empty name")
		}
		v.resolve(join(path, name), s)
	}
}

func (v *checker) tree(path string, t Tree) {
	_, _, found := t.expand(path)
	v.problems = append(v.problems, found...)
}

// resource checks a resource indicator as RFC 8707, section 2, defines it.
func (v *checker) resource(path, text string) {
	u, err := url.Parse(text)
	if err != nil || !u.IsAbs() || strings.Contains(text, "#") {
		v.add(path, "must be an absolute URI without a fragment")
	}
}

// scopeToken is the syntax of one scope in RFC 6749, section 3.3.
var scopeToken = regexp.MustCompile(`^[!#-\[\]-~]+$`)

func (v *checker) scopes(path string, scopes []string) {
	for i, scope := range scopes {
		if !scopeToken.MatchString(scope) {
			v.add(item(path, i), "must be one scope: printable ASCII without spaces, quotes and backslashes")
		}
	}
}

// httpToken is the syntax of header names, methods and token types in RFC 9110,
// section 5.6.2.
var httpToken = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

const longestType = 64

func (v *checker) static(path string, s *Static) {
	at := join(path, "token")
	if token, ok := v.need(at, s.Token); ok && !isVisible(token) {
		v.add(at, "holds a space, a line break or another character that is not visible ASCII")
	}
	v.tokenType(join(path, "token_type"), s.TokenType)
	v.scopes(join(path, "scopes"), s.Scopes)
}

func (v *checker) tokenType(path, name string) {
	if name != "" && (!httpToken.MatchString(name) || len(name) > longestType) {
		v.add(path, "must be a single word of at most %d characters", longestType)
	}
}

func (v *checker) login(path string, l *Login, allowHTTP bool) {
	v.steps(join(path, "steps"), l.Steps, allowHTTP)
	v.request(join(path, "request"), &l.Request, allowHTTP)
	v.response(join(path, "response"), &l.Response)
	v.tokenType(join(path, "token_type"), l.TokenType)
}

func (v *checker) request(path string, r *Request, allowHTTP bool) {
	if r.Method != "" && (!httpToken.MatchString(r.Method) || r.Method != strings.ToUpper(r.Method)) {
		v.add(join(path, "method"), "must be an HTTP method in capitals")
	}
	at := join(path, "url")
	if text, ok := v.need(at, r.URL); ok {
		if r.Template {
			text = beforeTemplate(text)
		}
		v.endpoint(at, text, allowHTTP)
	}
	v.secrets(join(path, "query"), r.Query)
	v.headers(join(path, "headers"), r.Headers, r.Template)
	v.body(path, r)
}

func (v *checker) body(path string, r *Request) {
	v.tree(join(path, "json"), r.JSON)
	v.secrets(join(path, "form"), r.Form)
	v.resolve(join(path, "body"), r.Body)
	bodies := 0
	for _, set := range []bool{!r.JSON.IsZero(), len(r.Form) > 0, !r.Body.IsZero()} {
		if set {
			bodies++
		}
	}
	if bodies > 1 {
		v.add(path, "has more than one of json, form and body")
	}
}

func (v *checker) headers(path string, headers Secrets, template bool) {
	seen := map[string]bool{}
	for name, s := range headers {
		at, canonical := join(path, name), textproto.CanonicalMIMEHeaderKey(name)
		if !httpToken.MatchString(name) {
			v.add(at, "is not a valid header name")
		}
		if seen[canonical] {
			v.add(path, "has %s twice; case does not matter in header names", label(canonical))
		}
		seen[canonical] = true
		if text, ok := v.resolve(at, s); ok && !template && !isHeaderValue(text) {
			v.add(at, "holds a line break or another control character")
		}
	}
}

// isVisible reports whether text is visible ASCII: spaces at the ends of a token
// get lost on the way, and others no server expects.
func isVisible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// isHeaderValue reports whether text may stand in a header.
func isHeaderValue(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// response checks the paths and predicates of an answer. None of them counts as
// secret, but they are not quoted either: one may stand there by mistake.
func (v *checker) response(path string, r *Response) {
	v.tokenPlace(path, r)
	v.statuses(join(path, "status"), r.Status)
	for key, text := range map[string]string{
		"token": r.Token, "token_type": r.TokenType, "expires_in": r.ExpiresIn, "expires_in_ms": r.ExpiresInMS,
		"expires_at": r.ExpiresAt, "refresh_token": r.RefreshToken, "scope": r.Scope, "error": r.Error,
	} {
		v.expression(join(path, key), text)
	}
	for key, text := range map[string]string{"success": r.Success, "rejected": r.Rejected} {
		v.predicate(join(path, key), text)
	}
}

func (v *checker) report(path string, err error) {
	if err != nil {
		v.add(path, "%v", err)
	}
}
