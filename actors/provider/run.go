package provider

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"tokend/messages"
)

// run is one acquisition of a login. Everything in it ends with it.
type run struct {
	login    *login
	req      *Request
	captured map[string]string
	cookies  cookies
	sent     []*HTTPRequest // as they were sent
	answers  []*answer
}

// within says in which of several requests an acquisition failed.
func (r *run) within(i int, err error) error {
	steps := len(r.login.Steps)
	if err == nil || steps == 0 {
		return err
	}
	e := *Classify(err)
	e.Text = printable(fmt.Sprintf("step %d of %d: %s", i+1, steps+1, e.Text), maxText)
	return &e
}

// step sends the request of a step and takes what its answer brings.
func (r *run) step(ctx context.Context, s *Step) error {
	a, err := r.send(ctx, s.Request)
	if err != nil {
		return err
	}
	verdict := s.verdict()
	doc, err := a.judge(verdict, s.readsJSON(), r.hidden)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Capture)) {
		value, err := s.Capture[name].of(a, doc)
		if err != nil {
			return verdict.without(fmt.Sprintf("capture.%s %s", name, err), a, doc, r.hidden())
		}
		r.captured[name] = value
	}
	return nil
}

// finish sends the last request and takes the token from its answer.
func (r *run) finish(ctx context.Context) (Result, error) {
	a, err := r.send(ctx, r.login.Request)
	if err != nil {
		return Result{}, err
	}
	a.before = r.answers[:len(r.answers)-1]
	return a.loginResult(&r.login.Response, r.hidden)
}

// send makes a request and sends it.
func (r *run) send(ctx context.Context, read func() (HTTPRequest, error)) (*answer, error) {
	made, err := r.make(read)
	if err != nil {
		return nil, err
	}
	r.sent = append(r.sent, &made)
	traceOf(ctx).cover(append(r.learned(), made.Secrets...))
	req, err := made.build(ctx, r.login.Endpoint)
	if err != nil {
		return nil, err
	}
	if len(r.login.Steps) > 0 {
		r.cookies.add(req)
	}
	a, err := r.login.insist(ctx, req)
	if err != nil {
		return nil, err
	}
	if len(r.login.Steps) > 0 {
		r.cookies.keep(a)
	}
	r.answers = append(r.answers, a)
	return a, nil
}

// learned returns the values that answers have brought.
func (r *run) learned() []messages.Secret {
	all := make([]messages.Secret, 0, len(r.captured))
	for _, value := range r.captured {
		all = append(all, messages.NewSecret(value))
	}
	return all
}

// make reads a request and renders its templates.
func (r *run) make(read func() (HTTPRequest, error)) (HTTPRequest, error) {
	made, err := read()
	if err != nil {
		return HTTPRequest{}, unreadyf("request: %s", err)
	}
	if made.Template == nil {
		return made, nil
	}
	t, errs := readTemplates("request", &made)
	if len(errs) > 0 {
		return HTTPRequest{}, unreadyf("%s", errs[0])
	}
	return t.render(newScope(r.login.Now(), r.captured, made.Template))
}

// outline reads a request that was not sent, with a stand-in for what its templates
// would compute: a service may know a password before it is told.
func (r *run) outline(read func() (HTTPRequest, error)) (HTTPRequest, error) {
	made, err := read()
	if err != nil || made.Template == nil {
		return made, err
	}
	t, errs := readTemplates("request", &made)
	if len(errs) > 0 {
		return HTTPRequest{}, errs[0]
	}
	s := newScope(r.login.Now(), nil, made.Template)
	s.outline = true
	return t.render(s)
}

// hidden returns the texts that must not come out of an answer: all that was sent
// so far or would be later, and what came back that may be secret.
func (r *run) hidden() *secrets {
	var hidden secrets
	r.req.hide(&hidden)
	for _, sent := range r.sent {
		sent.hide(&hidden)
	}
	for _, read := range r.login.requests()[len(r.sent):] {
		if unsent, err := r.outline(read); err == nil { // else nobody knows what is in it
			unsent.hide(&hidden)
		}
	}
	for i, a := range r.answers {
		for _, c := range a.cookies() {
			hidden.addLiteral(c.Value)
		}
		doc, _ := a.json("")
		jsonMembers(doc).hide(&hidden)
		r.login.hideAt(i, a, doc, &hidden)
	}
	return &hidden
}

// hideAt hides what the answer to a request has at the places where values are
// taken from it.
func (l *Login) hideAt(i int, a *answer, doc gjson.Result, hidden *secrets) {
	if i == len(l.Steps) {
		hidden.addToken(bareToken(a.header.Get(l.Response.TokenHeader)))
		return
	}
	for _, c := range l.Steps[i].Capture {
		if c.Path != "" {
			hideTokens(hidden, doc.Get(c.Path))
		}
		hidden.addToken(a.header.Get(c.Header))
	}
}

// readsJSON reports whether anything is looked for in the answer's JSON.
func (s *Step) readsJSON() bool {
	if s.Success != nil || s.Rejected != nil {
		return true
	}
	for _, c := range s.Capture {
		if c.Path != "" {
			return true
		}
	}
	return false
}

// of returns the value that an answer has at the place.
func (c Capture) of(a *answer, doc gjson.Result) (string, error) {
	value := ""
	switch {
	case c.Header != "":
		value = a.header.Get(c.Header)
	case c.Cookie != "":
		if found := a.cookie(c.Cookie); found != nil {
			value = found.Value
		}
	default:
		switch v := doc.Get(c.Path); v.Type {
		case gjson.String:
			value = v.Str
		case gjson.Number, gjson.True, gjson.False:
			value = strings.TrimSpace(v.Raw) // as it was written: 12345678901234567890
		case gjson.JSON:
			return "", errNoValue
		}
	}
	switch {
	case value == "":
		return "", errMissing
	case len(value) > maxToken:
		return "", errLongValue
	default:
		return value, nil
	}
}

// cookies returns the cookies that the answer sets.
func (a *answer) cookies() []*http.Cookie {
	return (&http.Response{Header: a.header}).Cookies()
}
