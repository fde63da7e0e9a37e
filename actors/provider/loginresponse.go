package provider

import (
	"errors"
	"time"

	"github.com/tidwall/gjson"

	"tokend/messages"
)

// Response says where a [Login] finds what in the answer. Paths are gjson's. What
// a path does not lead to, or leads to null, is absent; only Token must be there.
type Response struct {
	Token        string     // required; must lead to a text
	TokenType    string     // empty: Bearer
	ExpiresIn    string     // to a lifetime in seconds
	ExpiresInMS  string     // to a lifetime in milliseconds
	ExpiresAt    string     // to RFC 3339, or to seconds or milliseconds since 1970
	RefreshToken string     // kept as [Result].State
	Scope        string     // to a text of scopes separated by spaces, or to an array
	Error        string     // to what the endpoint says about a failure
	Success      *Predicate // must hold of a 2xx answer, which is malformed otherwise; nil: it does
	Rejected     *Predicate // refused credentials, whatever the status; nil: it does not hold
}

func (r *Response) check() error {
	if r.Token == "" {
		return &KeyError{"response.token", "missing"}
	}
	if err := r.Success.check(); err != nil {
		return &KeyError{"response.success", err.Error()}
	}
	if err := r.Rejected.check(); err != nil {
		return &KeyError{"response.rejected", err.Error()}
	}
	return nil
}

// loginResult judges the answer of a login. hidden returns what must not come out
// of it; it is called on failure only.
func (a *answer) loginResult(r *Response, hidden func() *secrets) (Result, error) {
	doc, err := a.json("request.url")
	judged := err == nil && r.Rejected != nil && r.Rejected.Holds(doc)
	switch {
	case judged || !success(a.status):
		return Result{}, r.refusal(a, doc, judged, hidden())
	case err != nil:
		return Result{}, err
	case r.Success != nil && !r.Success.Holds(doc):
		return Result{}, &unusable{text: r.because("response.success does not hold", doc, hidden())}
	}
	res, err := r.result(doc, a.date())
	if missing(err) {
		return Result{}, &unusable{text: r.because("response.token is missing", doc, hidden())}
	}
	return res, err
}

func missing(err error) bool { return errors.Is(err, errMissing) }

// refusal says what the answer says: the text at Error, else an OAuth error, as
// many logins answer in its form.
func (r *Response) refusal(a *answer, doc gjson.Result, judged bool, hidden *secrets) *refusal {
	r.hide(doc, hidden)
	code, description := doc.Get("error").Str, r.errorText(doc)
	said := description
	if said == code {
		said = ""
	}
	refused := a.refuse("request.url", code, said, hidden)
	refused.judged = judged
	if code != "" && code == description && oauthCode(code) == "" {
		refused.code, refused.description = "", hidden.show(description, maxDescription) // a sentence, no code
	}
	return refused
}

// because adds to text what the answer says.
func (r *Response) because(text string, doc gjson.Result, hidden *secrets) string {
	r.hide(doc, hidden)
	reason := r.errorText(doc)
	if reason == "" {
		reason = doc.Get("error").Str
	}
	if said := hidden.show(reason, maxDescription); said != "" {
		text += ": " + said
	}
	return text
}

// errorText returns the text at Error, or that of an OAuth error; of an object or
// array nothing, for anything may be in it.
func (r *Response) errorText(doc gjson.Result) string {
	path := r.Error
	if path == "" {
		path = "error_description"
	}
	if v := doc.Get(path); v.Type != gjson.JSON && v.Type != gjson.Null {
		return v.String()
	}
	return ""
}

// hide makes the tokens of the answer known to hidden.
func (r *Response) hide(doc gjson.Result, hidden *secrets) {
	jsonMembers(doc).hide(hidden)
	for _, path := range []string{r.Token, r.RefreshToken} {
		if path != "" {
			hideTokens(hidden, doc.Get(path))
		}
	}
}

// hideTokens hides the texts where a token should be: an object may hold them if
// the path is not quite right.
func hideTokens(hidden *secrets, v gjson.Result) {
	if v.Type != gjson.JSON {
		hidden.addToken(v.String())
		return
	}
	v.ForEach(func(_, inner gjson.Result) bool {
		if inner.Type == gjson.String {
			hidden.addToken(inner.Str)
		}
		return true
	})
}

// result takes out what a success holds.
func (r *Response) result(doc gjson.Result, date time.Time) (Result, error) {
	v := values{doc: doc}
	res := Result{
		AccessToken: messages.NewSecret(get(&v, "token", r.Token, text)),
		Type:        get(&v, "token_type", r.TokenType, tokenType),
		ExpiresAt:   get(&v, "expires_at", r.ExpiresAt, instant),
		Scopes:      get(&v, "scope", r.Scope, scopes),
		Date:        date,
	}
	res.Lifetime = earlier(
		get(&v, "expires_in", r.ExpiresIn, func(f gjson.Result) (time.Duration, error) { return duration(f, time.Second) }),
		get(&v, "expires_in_ms", r.ExpiresInMS, func(f gjson.Result) (time.Duration, error) { return duration(f, time.Millisecond) }),
	)
	if refresh := get(&v, "refresh_token", r.RefreshToken, optionalText); refresh != "" {
		res.State = NewState([]byte(refresh))
	}
	if v.err != nil {
		return Result{}, v.err
	}
	return res, nil
}

// values reads a document and keeps the first error.
type values struct {
	doc gjson.Result
	err error
}

// get returns what read makes of the value at path, of an absent one if path is
// empty. key names the setting in errors.
func get[T any](v *values, key, path string, read func(gjson.Result) (T, error)) T {
	var found gjson.Result
	if path != "" {
		found = v.doc.Get(path)
	}
	value, err := read(found)
	if err != nil && v.err == nil {
		v.err = err
		if !missing(err) {
			v.err = unusablef("response.%s %s", key, err)
		}
	}
	return value
}

func optionalText(v gjson.Result) (string, error) {
	value, err := text(v)
	if missing(err) {
		return "", nil
	}
	return value, err
}

// earlier returns the shorter of two lifetimes, of which zero is none.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
