package config

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"tokend/messages"
)

// Step is a request of a [Login] before the last one.
type Step struct {
	Request  Request            `key:"request"`
	Capture  map[string]Capture `key:"capture"` // what later requests may use, by name: [A-Za-z_][A-Za-z0-9_]{0,62}
	Response StepResponse       `key:"response"`
}

// Capture says where in an answer a value is. Exactly one field is set. In YAML,
// a text alone is a path.
type Capture struct {
	Path   string `key:"path"`   // gjson's
	Header string `key:"header"` // name of a header
	Cookie string `key:"cookie"` // name of a cookie
}

// StepResponse judges the answer to a [Step], as [Response] does the last one.
type StepResponse struct {
	Status   []int  `key:"status"`   // as in Response
	Error    string `key:"error"`    // path of the error text
	Success  string `key:"success"`  // predicate; without it any answer with such a status is a success
	Rejected string `key:"rejected"` // predicate that tells refused credentials from other failures
}

// Raw returns the template as it is written, its references not resolved.
func (s Secret) Raw() messages.Secret {
	if s.IsZero() {
		return messages.Secret{}
	}
	return messages.NewSecret(s.ref.get().template)
}

// Raw returns a copy of the value as it is written, the references in its texts
// not resolved.
func (t Tree) Raw() any {
	if t.IsZero() {
		return nil
	}
	w := &walker{text: func(template string) (string, error) { return template, nil }}
	return w.copy("", t.root.get().value, 0)
}

var errSources = errors.New("holds values of different configurations")

// Resolver returns what resolves the references in parts of the request's texts,
// as [Secret.Expand] does those of a whole one. It is an error if their paths and
// variables are not all the same configuration's.
func (r *Request) Resolver() (func(text string) (messages.Secret, []messages.Secret, error), error) {
	of := process
	for i, s := range r.sources() {
		if i > 0 && s != of {
			return nil, errSources
		}
		of = s
	}
	return func(text string) (messages.Secret, []messages.Secret, error) { return newSecret(text, of).Expand() }, nil
}

// sources returns where the references of the request's texts are resolved.
func (r *Request) sources() []*source {
	var all []*source
	note := func(s Secret) {
		if !s.IsZero() {
			all = append(all, s.ref.get().source)
		}
	}
	note(r.URL)
	note(r.Body)
	for _, set := range []Secrets{r.Query, r.Headers, r.Form} {
		for _, s := range set {
			note(s)
		}
	}
	if !r.JSON.IsZero() {
		all = append(all, r.JSON.root.get().source)
	}
	return all
}

// beforeTemplate returns what stands before the first {{ of a text.
func beforeTemplate(text string) string {
	before, _, _ := strings.Cut(text, "{{")
	return before
}

// mostSteps bounds the requests before the last one: all of them share one timeout.
const mostSteps = 8

func (v *checker) steps(path string, steps []Step, allowHTTP bool) {
	if len(steps) > mostSteps {
		v.add(path, "must be at most %d", mostSteps)
	}
	for i := range steps {
		at := item(path, i)
		v.request(join(at, "request"), &steps[i].Request, allowHTTP)
		v.captures(join(at, "capture"), steps[i].Capture)
		r := &steps[i].Response
		v.statuses(join(at, "response.status"), r.Status)
		v.expression(join(at, "response.error"), r.Error)
		v.predicate(join(at, "response.success"), r.Success)
		v.predicate(join(at, "response.rejected"), r.Rejected)
	}
}

// statuses checks which statuses may be a success. A redirect says where a browser is
// to go from there; by 307 and 308 the request itself belongs elsewhere.
func (v *checker) statuses(path string, all []int) {
	for i, status := range all {
		if (status < 200 || status > 299) && (status < 301 || status > 303) {
			v.add(item(path, i), "must be 200 to 299, 301, 302 or 303")
		}
	}
}

// captureName is what a template can name.
var captureName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

func (v *checker) captures(path string, all map[string]Capture) {
	for name, c := range all {
		at := join(path, name)
		if !captureName.MatchString(name) {
			v.add(at, "the name must have 1 to 63 letters, digits and underscores, the first no digit")
		}
		if !exactlyOne(c.Path != "", c.Header != "", c.Cookie != "") {
			v.add(at, "must have exactly one of path, header and cookie")
		}
		v.expression(join(at, "path"), c.Path)
		v.name(join(at, "header"), c.Header)
		v.name(join(at, "cookie"), c.Cookie)
	}
}

// tokenPlace checks where in the last answer the token is.
func (v *checker) tokenPlace(path string, r *Response) {
	places := []bool{r.Token != "", r.TokenHeader != "", r.TokenCookie != "", r.TokenText}
	switch {
	case !slices.Contains(places, true):
		v.add(join(path, "token"), required)
	case !exactlyOne(places...):
		v.add(path, "has more than one of token, token_header, token_cookie and token_text")
	}
	v.name(join(path, "token_header"), r.TokenHeader)
	v.name(join(path, "token_cookie"), r.TokenCookie)
	v.name(join(path, "expires_in_header"), r.ExpiresInHeader)
	v.name(join(path, "expires_at_header"), r.ExpiresAtHeader)
}

func exactlyOne(set ...bool) bool {
	n := 0
	for _, is := range set {
		if is {
			n++
		}
	}
	return n == 1
}

// name checks the name of a header or cookie, which may be empty.
func (v *checker) name(path, text string) {
	if text != "" && !httpToken.MatchString(text) {
		v.add(path, "is not a valid name: letters, digits and !#$%%&'*+-.^_`|~ without spaces")
	}
}

// expression checks a path, which may be empty.
func (v *checker) expression(path, text string) {
	if text != "" {
		v.report(path, checkExpression(text))
	}
}

// predicate checks a predicate, which may be empty.
func (v *checker) predicate(path, text string) {
	if text != "" {
		_, err := ParsePredicate(text)
		v.report(path, err)
	}
}
