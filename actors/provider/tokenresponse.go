package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"tokend/messages"
)

// members looks up the top-level members of an answer.
type members struct {
	doc  gjson.Result // all of them, as JSON
	form bool         // they came as a form
	get  func(name string) gjson.Result
	each func(visit func(name, value string))
}

// oauthResult judges the answer of an OAuth token endpoint (RFC 6749, sections
// 5.1 and 5.2). setting names the key that may be wrong; hidden returns what must
// not come out of the answer and is called on failure only. With a success come
// its members, also when there is no usable token among them.
func (a *answer) oauthResult(setting string, hidden func() *secrets) (Result, members, error) {
	m, err := a.members(setting)
	if !success(a.status) {
		return Result{}, members{}, a.oauthRefusal(setting, m, hidden())
	}
	if err != nil {
		return Result{}, members{}, err
	}
	if m.get("access_token").String() == "" { // some servers answer 200 to everything
		return Result{}, members{}, a.oauthRefusal(setting, m, hidden())
	}
	res, err := m.result(a.date())
	if err == nil {
		res.Notes = a.dateNotes()
	}
	return res, m, err
}

// oauthRefusal says what an answer without a token says.
func (a *answer) oauthRefusal(setting string, m members, hidden *secrets) *refusal {
	m.hide(hidden)
	s := sayingOf(m.doc, a.status)
	r := a.refuse(setting, &s, hidden)
	if success(a.status) && s.code == "" {
		r.what = "access_token is missing"
	}
	return r
}

// members reads a JSON object, or a form, which some servers answer with. If it
// cannot, the members are empty and the error says why; setting names the key
// that may be wrong then.
func (a *answer) members(setting string) (members, error) {
	if a.isForm() {
		if form, err := url.ParseQuery(string(a.body)); err == nil {
			return formMembers(form), nil
		}
	}
	object, err := a.json(setting)
	if err == nil && !object.IsObject() {
		return jsonMembers(gjson.Result{}), unusablef("answer is not a JSON object")
	}
	return jsonMembers(object), err
}

// json reads the body as JSON. encoding/json checks it because it bounds the
// depth of nesting, which gjson does not.
func (a *answer) json(setting string) (gjson.Result, error) {
	var none gjson.Result
	switch {
	case a.tooLarge:
		return none, unusablef("answer is larger than %d bytes", maxBody)
	case len(a.body) == 0:
		return none, unusablef("answer is empty")
	case a.body[0] == '<':
		return none, &unusable{text: fmt.Sprintf("answer is HTML or XML, not JSON: is %s right?", setting), reason: ReasonPage, page: a.isPage()}
	case !json.Valid(a.body):
		return none, &unusable{text: fmt.Sprintf("answer is not JSON: is %s right?", setting), reason: ReasonNotJSON, page: a.isPage()}
	default:
		return gjson.ParseBytes(a.body), nil
	}
}

// isForm reports whether the body is a form: by its type, or by what it holds, as
// servers that answer with forms tend to call them text.
func (a *answer) isForm() bool {
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	switch {
	case bytes.HasPrefix(a.body, []byte("{")):
		return false
	case kind == "application/x-www-form-urlencoded":
		return len(a.body) > 0
	default:
		return formLike.Match(a.body)
	}
}

// formLike is a form with what makes it the answer of a token endpoint anywhere in it.
var formLike = regexp.MustCompile(`^([\w.-]+=[^&\r\n]*&)*(access_token|error)=`)

func jsonMembers(object gjson.Result) members {
	return members{
		doc: object,
		get: func(name string) gjson.Result { return object.Get(name) },
		each: func(visit func(name, value string)) {
			object.ForEach(func(name, value gjson.Result) bool {
				visit(name.Str, value.String())
				return true
			})
		},
	}
}

func formMembers(form url.Values) members {
	first := make(map[string]string, len(form))
	for name := range form {
		first[name] = form.Get(name)
	}
	text, _ := json.Marshal(first) // texts cannot fail
	return members{
		doc: gjson.ParseBytes(text), form: true,
		get: func(name string) gjson.Result {
			if !form.Has(name) {
				return gjson.Result{}
			}
			return gjson.Result{Type: gjson.String, Str: form.Get(name)}
		},
		each: func(visit func(name, value string)) {
			for name, values := range form {
				for _, value := range values {
					visit(name, value)
				}
			}
		},
	}
}

// hide makes every token of the answer known to hidden: they may stand in its
// texts again.
func (m members) hide(hidden *secrets) {
	m.each(func(name, value string) {
		name = strings.ToLower(name)
		if strings.Contains(name, "token") && name != "token_type" {
			hidden.addToken(value)
		}
	})
}

// refreshToken returns the refresh token, empty without one that is a text.
func (m members) refreshToken() string {
	if v := m.get("refresh_token"); v.Type == gjson.String {
		return v.Str
	}
	return ""
}

// ends returns what the answer says about the end of the access token: by the name
// of RFC 6749, section 5.1, and by those that some servers have besides or instead.
// Those of other tokens (refresh_expires_in and the like) do not concern it.
func (m members) ends() ends {
	var e ends
	e.lifetime("expires_in", m.get("expires_in"), time.Second)
	for _, name := range endNames {
		e.moment(name, m.get(name))
	}
	if m.form { // of before RFC 6749
		e.either("expires", m.get("expires"))
	}
	return e
}

// endNames are the members that say when an access token ends, beside expires_in.
var endNames = []string{"expires_at", "expires_on", "exp"}

// result takes out what a success holds.
func (m members) result(date time.Time) (Result, error) {
	token, err := text(m.get("access_token"))
	if err != nil {
		return Result{}, unusablef("access_token %s", err)
	}
	said, err := tokenType(m.get("token_type"))
	if err != nil {
		return Result{}, unusablef("token_type %s", err)
	}
	granted, err := scopes(m.get("scope"))
	if err != nil {
		return Result{}, unusablef("scope %s", err)
	}
	res := Result{
		AccessToken: messages.NewSecret(token), Date: date, Scopes: granted,
	}
	res.called(said)
	m.ends().fill(&res)
	if refresh := m.refreshToken(); refresh != "" {
		res.RefreshToken = messages.NewSecret(refresh)
	}
	return res, nil
}
