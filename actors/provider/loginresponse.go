package provider

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"tokend/messages"
)

// Response says where a [Login] finds what in the answer. Paths are gjson's. What
// a path does not lead to, or leads to null, is absent; only the token must be
// there, at the one of Token, TokenHeader, TokenCookie and TokenText that is set. The
// answer need not be JSON if none of the paths and predicates is.
type Response struct {
	Token        string     // must lead to a text
	TokenType    string     // to what the server calls the type; see [Login]
	ExpiresIn    string     // to a lifetime in seconds
	ExpiresInMS  string     // to a lifetime in milliseconds
	ExpiresAt    string     // to RFC 3339, or to seconds or milliseconds since 1970
	RefreshToken string     // kept as [Result].State
	Scope        string     // to a text of scopes separated by spaces, or to an array
	Error        string     // to what the endpoint says about a failure
	Status       []int      // those of an answer that may be a success: 2xx, 301, 302 and 303; none: every 2xx
	Success      *Predicate // must hold of such an answer, which is malformed otherwise; nil: it does
	Rejected     *Predicate // refused credentials, whatever the status; nil: it does not hold

	TokenHeader     string // header that holds the token, after Bearer or alone
	TokenCookie     string // cookie, also of a step to the same origin, that holds the token, which lives no longer than the cookie
	TokenText       bool   // the body is the token
	ExpiresInHeader string // header that holds a lifetime in seconds
	ExpiresAtHeader string // header that holds a time, as at ExpiresAt or as HTTP writes it (RFC 9110, section 5.6.7)
}

func (r *Response) check() error {
	places := 0
	for _, set := range []bool{r.Token != "", r.TokenHeader != "", r.TokenCookie != "", r.TokenText} {
		if set {
			places++
		}
	}
	switch places {
	case 0:
		return &KeyError{"response.token", "missing"}
	case 1:
		return r.checkVerdict("response")
	default:
		return &KeyError{"response", "has more than one of token, token_header, token_cookie and token_text"}
	}
}

// checkVerdict checks what judges an answer.
func (r *Response) checkVerdict(key string) error {
	if !slices.ContainsFunc(r.Status, never) {
		return r.checkPredicates(key)
	}
	return &KeyError{key + ".status", "must be 200 to 299, 301, 302 or 303"}
}

// never reports whether an answer with that status is none to a login that worked. A
// redirect may be: it says where a browser is to go from there (RFC 9110, sections
// 15.4.2 to 15.4.4), and is not followed. By 307 and 308 the request itself belongs
// elsewhere.
func never(status int) bool {
	return !success(status) && !slices.Contains([]int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther}, status)
}

// accepts reports whether an answer with that status may be a success.
func (r *Response) accepts(status int) bool {
	if len(r.Status) == 0 {
		return success(status)
	}
	return slices.Contains(r.Status, status)
}

func (r *Response) checkPredicates(key string) error {
	if err := r.Success.check(); err != nil {
		return &KeyError{key + ".success", err.Error()}
	}
	if err := r.Rejected.check(); err != nil {
		return &KeyError{key + ".rejected", err.Error()}
	}
	return nil
}

// readsJSON reports whether anything is looked for in the answer's JSON that a
// success must have.
func (r *Response) readsJSON() bool {
	return r.Success != nil || r.Rejected != nil ||
		r.Token+r.TokenType+r.ExpiresIn+r.ExpiresInMS+r.ExpiresAt+r.RefreshToken+r.Scope != ""
}

// loginResult judges the answer of a login. hidden returns what must not come out
// of it; it is called on failure only.
func (a *answer) loginResult(r *Response, hidden func() *secrets) (Result, error) {
	doc, err := a.judge(r, r.readsJSON(), hidden)
	if err != nil {
		return Result{}, err
	}
	if r.TokenText && !a.tooLarge && isDocument(a.body) {
		return Result{}, r.without("response.token_text "+errDocument.Error(), a, doc, hidden())
	}
	res, err := r.result(a, doc)
	if missing(err) {
		return Result{}, r.without(r.place()+" is missing", a, doc, hidden())
	}
	return res, err
}

// judge says why an answer is not the one that was hoped for, and returns its JSON,
// which counts only if it must be there.
func (a *answer) judge(r *Response, must bool, hidden func() *secrets) (gjson.Result, error) {
	doc, err := a.json("request.url")
	judged := err == nil && r.Rejected != nil && r.Rejected.Holds(doc)
	switch {
	case judged || !r.accepts(a.status):
		return doc, r.refusal(a, doc, judged, hidden())
	case err != nil && must:
		return doc, r.doubt(a, err)
	case r.Success != nil && !r.Success.Holds(doc):
		return doc, r.without("response.success does not hold", a, doc, hidden())
	default:
		return doc, nil
	}
}

func missing(err error) bool { return errors.Is(err, errMissing) }

// refusal says what the answer says.
func (r *Response) refusal(a *answer, doc gjson.Result, judged bool, hidden *secrets) *refusal {
	r.hide(doc, hidden)
	s := r.saying(doc, a.status)
	refused := a.refuse("request.url", &s, hidden)
	refused.login, refused.bound, refused.judged = true, r.Rejected != nil, judged
	refused.doubtful = a.status < 400 && (!success(a.status) || !r.accepts(a.status) || s.doubtful() || a.isLoginPage())
	if success(a.status) && !r.accepts(a.status) {
		refused.hint = "not a status of response.status"
	}
	return refused
}

// without returns the refusal of an answer that has what a success has, but for
// something, which what names.
func (r *Response) without(what string, a *answer, doc gjson.Result, hidden *secrets) *refusal {
	refused := r.refusal(a, doc, false, hidden)
	refused.what = what
	return refused
}

// doubt returns err, of an answer that is not JSON: where nothing tells a refusal,
// the page that asks for the login again may be one.
func (r *Response) doubt(a *answer, err error) error {
	if u, ok := errors.AsType[*unusable](err); ok && r.Rejected == nil {
		u.again = a.isLoginPage()
	}
	return err
}

// saying returns what the answer says about a failure: the value at Error, and what
// many logins say in other places. A value of nothing but "ok" is no error.
func (r *Response) saying(doc gjson.Result, status int) saying {
	s := sayingOf(doc, status)
	text := scalar(doc.Get(r.Error))
	if r.Error == "" || strings.TrimSpace(text) == "" {
		return s
	}
	s.reason = text
	if !s.fine && !isFine(text) {
		s.failed = true
		if s.code == "" {
			s.means = max(s.means, meaningOf(text))
		}
	}
	switch {
	case s.code != text:
	case oauthCode(text) == "":
		s.code = "" // a sentence
	default:
		s.reason = ""
	}
	return s
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
func (r *Response) result(a *answer, doc gjson.Result) (Result, error) {
	v := values{doc: doc}
	token := get(&v, strings.TrimPrefix(r.place(), "response."), r.Token, r.reader(a))
	res := Result{
		AccessToken: messages.NewSecret(token),
		Scopes:      get(&v, "scope", r.Scope, scopes),
		Date:        a.date(),
		Notes:       a.dateNotes(),
	}
	res.called(get(&v, "token_type", r.TokenType, tokenType))
	v.lifetime("response.expires_in", r.ExpiresIn, time.Second)
	v.lifetime("response.expires_in_ms", r.ExpiresInMS, time.Millisecond)
	v.moment("response.expires_at", r.ExpiresAt)
	r.bound(&v.ends, a)
	v.ends.fill(&res)
	if refresh := get(&v, "refresh_token", r.RefreshToken, optionalText); refresh != "" {
		res.State = NewState([]byte(refresh))
	}
	if v.err != nil {
		return Result{}, v.err
	}
	return res, nil
}

// values reads a document and keeps the first error, and what it says about the
// token's end: what cannot be read of that need not be an error.
type values struct {
	doc  gjson.Result
	ends ends
	err  error
}

// at returns the value at path, an absent one if path is empty.
func (v *values) at(path string) gjson.Result {
	if path == "" {
		return gjson.Result{}
	}
	return v.doc.Get(path)
}

func (v *values) lifetime(name, path string, unit time.Duration) {
	v.ends.lifetime(name, v.at(path), unit)
}

func (v *values) moment(name, path string) { v.ends.moment(name, v.at(path)) }

// get returns what read makes of the value at path, of an absent one if path is
// empty. key names the setting in errors.
func get[T any](v *values, key, path string, read func(gjson.Result) (T, error)) T {
	value, err := read(v.at(path))
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
