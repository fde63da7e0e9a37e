package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
)

// Login is any HTTP endpoint that answers a request, or several, with a token.
type Login struct {
	Endpoint

	Steps []Step // sent before Request, in this order
	// Request is called once by NewLogin, which needs the URL's host, and then at
	// every acquisition. Its error is shown, so its text must not hold a secret.
	Request  func() (HTTPRequest, error)
	Response Response
	Type     string           // how the tokens are sent, such as Bearer; empty: as the server says, or Bearer
	Now      func() time.Time // the clock of templates; nil: time.Now
}

// Step is a request of a [Login] before the last one. Its answer is judged as that
// to the last one is, but brings values for later requests instead of a token.
type Step struct {
	Request  func() (HTTPRequest, error) // called as that of a Login
	Capture  map[string]Capture          // by the name that templates call the value by
	Status   []int                       // as those of a Response
	Error    string                      // path, as that of a Response
	Success  *Predicate                  // as that of a Response
	Rejected *Predicate                  // as that of a Response
}

// Capture says where in an answer a value is, which must be there. Exactly one
// field is set.
type Capture struct {
	Path   string // gjson's; to a text, a number, true or false
	Header string
	Cookie string
}

// NewLogin returns a Provider for l, which is [Hosted]; its host is the one that
// the last request's URL has now, and which is [Scoped] if the answer says what was
// granted and the request holds a scope in the clear. It reads the requests, but
// does not send them.
// Whether http:// is permitted is checked here and again at every acquisition, as
// the URL may have changed; so are the keys that templates sign with. A request
// with a safe method, such as GET, is sent again by net/http when a kept connection
// turns out to be closed before any answer (RFC 9110, section 9.2.2); others never
// are.
//
// The requests of one acquisition share its time, and cookies: what an answer sets
// is sent with later ones to the same origin, and forgotten afterwards. No redirect is
// followed, whether it counts as a success or not.
//
// The error of NewLogin joins one [*KeyError] for everything that is wrong.
func NewLogin(l Login) (Provider, error) {
	var err error
	if l.Endpoint, err = l.withDefaults(); err != nil {
		return nil, err
	}
	if l.Now == nil {
		l.Now = time.Now
	}
	host, errs := l.check()
	if l.Type, err = declaredType(l.Type); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	made := newHosted("login", host, (&login{l}).acquire)
	if asked := l.asked(); len(asked) > 0 {
		return &scoped{*made, asked}, nil
	}
	return made, nil
}

// check says what is wrong with the steps and the last request, whose host it
// returns.
func (l *Login) check() (host string, errs []error) {
	known := map[string]string{}
	for i := range l.Steps {
		s, key := &l.Steps[i], fmt.Sprintf("steps[%d]", i)
		_, found := l.checkRequest(key+".request", s.Request, known)
		errs = append(errs, found...)
		errs = append(errs, s.check(key)...)
		for name := range s.Capture {
			known[name] = "0" // stands for the value
		}
	}
	host, found := l.checkRequest("request", l.Request, known)
	errs = append(errs, found...)
	if err := l.Response.check(); err != nil {
		errs = append(errs, err)
	}
	return host, errs
}

// checkRequest says what is wrong with a request that may use the known values,
// and returns its host.
func (l *Login) checkRequest(key string, read func() (HTTPRequest, error), known map[string]string) (string, []error) {
	if read == nil {
		return "", []error{&KeyError{key, "missing"}}
	}
	r, err := read()
	if err != nil {
		return "", []error{&KeyError{key, err.Error()}}
	}
	if r.URL == "" {
		return "", []error{&KeyError{key + ".url", "missing"}}
	}
	if r.Template != nil {
		return l.checkTemplates(key, &r, known)
	}
	u, err := l.parse(key+".url", r.URL)
	if err != nil {
		return "", []error{err}
	}
	return hostPort(u), nil
}

func (l *Login) checkTemplates(key string, r *HTTPRequest, known map[string]string) (string, []error) {
	t, errs := readTemplates(key, r)
	s := newScope(l.Now(), known, r.Template)
	u, found := t.check(key, l.Endpoint, s)
	if errs = append(errs, found...); len(errs) > 0 {
		return "", errs
	}
	return hostPort(u), nil
}

// captureName is what a template can name.
var captureName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

func (s *Step) check(key string) (errs []error) {
	verdict := s.verdict()
	if err := verdict.checkVerdict(key + ".response"); err != nil {
		errs = append(errs, err)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Capture)) {
		at := below(key+".capture", name)
		if !captureName.MatchString(name) {
			errs = append(errs, &KeyError{at, "no template can call a value by that name"})
		}
		if c := s.Capture[name]; !c.valid() {
			errs = append(errs, &KeyError{at, "must have exactly one of path, header and cookie"})
		}
	}
	return errs
}

// verdict returns what judges the answer.
func (s *Step) verdict() *Response {
	return &Response{Status: s.Status, Error: s.Error, Success: s.Success, Rejected: s.Rejected}
}

func (c Capture) valid() bool {
	n := 0
	for _, place := range []string{c.Path, c.Header, c.Cookie} {
		if place != "" {
			n++
		}
	}
	return n == 1
}

// asked returns the scopes that the last request asks for, if the answer says which
// were granted and they can be seen.
func (l *Login) asked() []string {
	r, err := l.Request()
	if err != nil || r.Template != nil || l.Response.Scope == "" {
		return nil
	}
	return r.scope()
}

// requests returns what reads the requests, in their order.
func (l *Login) requests() []func() (HTTPRequest, error) {
	all := make([]func() (HTTPRequest, error), 0, len(l.Steps)+1)
	for i := range l.Steps {
		all = append(all, l.Steps[i].Request)
	}
	return append(all, l.Request)
}

type login struct{ Login }

// acquire sends the requests, each once, and judges the answers.
func (p *login) acquire(ctx context.Context, req Request) (Result, error) {
	r := &run{login: p, req: &req, captured: map[string]string{}}
	for i := range p.Steps {
		if err := r.step(ctx, &p.Steps[i]); err != nil {
			return Result{}, r.within(i, err)
		}
	}
	res, err := r.finish(ctx)
	if err == nil {
		err = p.finish(&res)
	}
	return res, r.within(len(p.Steps), err)
}

// finish settles how the token is sent. What cannot be one may be a sentence in its
// place: that is how some servers refuse a login.
func (p *login) finish(res *Result) error {
	res.declare(p.Type)
	res.unwrap()
	problem := unusableText(res)
	if problem == "" {
		return nil
	}
	return &unusable{text: problem, again: p.Response.Rejected == nil}
}
