package system

import (
	"errors"
	"fmt"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
)

func login(e provider.Endpoint, l *config.Login, o *options) (provider.Provider, error) {
	r := l.Response
	judged, err := verdict("response", r.Error, r.Success, r.Rejected)
	if err != nil {
		return nil, err
	}
	steps, err := steps(l.Steps)
	if err != nil {
		return nil, err
	}
	return provider.NewLogin(provider.Login{
		Endpoint: e, Steps: steps, Type: l.TokenType, Now: o.now,
		Request: func() (provider.HTTPRequest, error) { return request(&l.Request) },
		Response: provider.Response{
			Token: r.Token, TokenType: r.TokenType, ExpiresIn: r.ExpiresIn, ExpiresInMS: r.ExpiresInMS,
			ExpiresAt: r.ExpiresAt, RefreshToken: r.RefreshToken, Scope: r.Scope,
			Status: r.Status, Error: judged.Error, Success: judged.Success, Rejected: judged.Rejected,
			TokenHeader: r.TokenHeader, TokenCookie: r.TokenCookie, TokenText: r.TokenText,
			ExpiresInHeader: r.ExpiresInHeader, ExpiresAtHeader: r.ExpiresAtHeader,
		},
	})
}

// steps returns the requests before the last one.
func steps(configured []config.Step) ([]provider.Step, error) {
	var made []provider.Step
	for i := range configured {
		s := &configured[i]
		step, err := verdict(fmt.Sprintf("steps[%d].response", i), s.Response.Error, s.Response.Success, s.Response.Rejected)
		if err != nil {
			return nil, err
		}
		step.Status = s.Response.Status
		step.Request = func() (provider.HTTPRequest, error) { return request(&s.Request) }
		step.Capture = make(map[string]provider.Capture, len(s.Capture))
		for name, c := range s.Capture {
			step.Capture[name] = provider.Capture(c)
		}
		made = append(made, step)
	}
	return made, nil
}

// verdict returns a step of which that is filled in what judges its answer. Its
// errors have paths below path.
func verdict(path, reason, success, rejected string) (provider.Step, error) {
	s := provider.Step{Error: reason}
	var err error
	if s.Success, err = predicate(success); err != nil {
		return s, under(path+".success", err)
	}
	if s.Rejected, err = predicate(rejected); err != nil {
		return s, under(path+".rejected", err)
	}
	return s, nil
}

// templated returns what a login sends with its texts as they are written.
func templated(r *config.Request) (provider.HTTPRequest, error) {
	resolve, err := r.Resolver()
	if err != nil {
		return provider.HTTPRequest{}, err
	}
	req := provider.HTTPRequest{
		Method: r.Method, URL: r.URL.Raw().Reveal(), Query: raw(r.Query), Headers: raw(r.Headers),
		JSON: r.JSON.Raw(), Form: raw(r.Form),
		Template: func(text string) (provider.Text, error) {
			whole, parts, err := resolve(text)
			return provider.Text{Secret: whole, Parts: parts}, err
		},
	}
	if !r.Body.IsZero() {
		body := r.Body.Raw().Reveal()
		req.Body = &body
	}
	return req, nil
}

func raw(secrets config.Secrets) map[string]string {
	if len(secrets) == 0 {
		return nil
	}
	texts := make(map[string]string, len(secrets))
	for name, secret := range secrets {
		texts[name] = secret.Raw().Reveal()
	}
	return texts
}

// request resolves what a login sends, but for templates: those are resolved when
// they are rendered. Its errors have paths below request.
func request(r *config.Request) (provider.HTTPRequest, error) {
	if r.Template {
		return templated(r)
	}
	x := expansion{}
	req := provider.HTTPRequest{
		Method: r.Method, URL: x.text("url", r.URL), Query: x.texts("query", r.Query),
		Headers: x.texts("headers", r.Headers), JSON: x.tree("json", r.JSON), Form: x.texts("form", r.Form),
	}
	if !r.Body.IsZero() {
		body := x.text("body", r.Body)
		req.Body = &body
	}
	req.Secrets = x.found
	return req, errors.Join(x.errs...)
}

// expansion resolves secrets one after the other, and keeps what their references
// come to, and the errors.
type expansion struct {
	found []messages.Secret
	errs  []error
}

func (x *expansion) text(key string, s config.Secret) string {
	whole, parts, err := s.Expand()
	x.note(key, parts, err)
	return whole.Reveal()
}

func (x *expansion) texts(key string, s config.Secrets) map[string]string {
	if len(s) == 0 {
		return nil
	}
	all, parts, err := s.Expand()
	x.note(key, parts, err)
	revealed := make(map[string]string, len(all))
	for name, secret := range all {
		revealed[name] = secret.Reveal()
	}
	return revealed
}

func (x *expansion) tree(key string, t config.Tree) any {
	value, parts, err := t.Expand()
	x.note(key, parts, err)
	return value
}

func (x *expansion) note(key string, parts []messages.Secret, err error) {
	x.found = append(x.found, parts...)
	if err != nil {
		x.errs = append(x.errs, under(key, err))
	}
}
