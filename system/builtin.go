package system

import (
	"errors"
	"fmt"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
)

func clientCredentials(e provider.Endpoint, c *config.ClientCredentials, o *options) (provider.Provider, error) {
	return provider.NewClientCredentials(provider.ClientCredentials(grant(e, (*config.OAuth)(c), o)))
}

func refreshToken(e provider.Endpoint, r *config.RefreshToken, o *options) (provider.Provider, error) {
	return provider.NewRefreshToken(provider.RefreshToken{
		Grant: grant(e, &r.OAuth, o), RefreshToken: secret(r.RefreshToken),
	})
}

func password(e provider.Endpoint, p *config.Password, o *options) (provider.Provider, error) {
	return provider.NewPassword(provider.Password{
		Grant: grant(e, &p.OAuth, o), Username: p.Username, Password: secret(p.Password),
	})
}

func jwtBearer(e provider.Endpoint, j *config.JWTBearer, o *options) (provider.Provider, error) {
	a := j.Assertion
	return provider.NewJWTBearer(provider.JWTBearer{
		Grant: grant(e, &j.OAuth, o),
		Assertion: provider.Assertion{
			Key: secret(a.Key), KeyID: a.KeyID, Algorithm: a.Algorithm,
			Issuer: a.Issuer, Subject: a.Subject, Audience: a.Audience,
		},
	})
}

// grant returns what the grants of OAuth have in common.
func grant(e provider.Endpoint, c *config.OAuth, o *options) provider.Grant {
	return provider.Grant{
		Endpoint: e, TokenURL: c.TokenURL, Issuer: c.Issuer,
		ClientID: c.ClientID, ClientSecret: secret(c.ClientSecret), Auth: c.ClientAuth,
		Key: secret(c.ClientKey), KeyID: c.ClientKeyID, Certificate: secret(c.ClientCertificate),
		Algorithm: c.AssertionAlgorithm, AssertionAudience: c.AssertionAudience,
		Scopes: c.Scopes, Audience: c.Audience, Resource: c.Resource,
		Details: func() (provider.Document, error) {
			value, parts, err := c.Details.Expand()
			return provider.Document{Value: value, Parts: parts}, err
		},
		Params: func() (map[string]provider.Text, error) { return texts(c.Params) },
		Now:    o.now,
	}
}

// secret returns what resolves s, nil if it is not set.
func secret(s config.Secret) func() (provider.Text, error) {
	if s.IsZero() {
		return nil
	}
	return func() (provider.Text, error) { return text(s) }
}

func login(e provider.Endpoint, l *config.Login) (provider.Provider, error) {
	success, err := predicate(l.Response.Success)
	if err != nil {
		return nil, under("response.success", err)
	}
	rejected, err := predicate(l.Response.Rejected)
	if err != nil {
		return nil, under("response.rejected", err)
	}
	r := l.Response
	return provider.NewLogin(provider.Login{
		Endpoint: e,
		Request:  func() (provider.HTTPRequest, error) { return request(&l.Request) },
		Response: provider.Response{
			Token: r.Token, TokenType: r.TokenType, ExpiresIn: r.ExpiresIn, ExpiresInMS: r.ExpiresInMS,
			ExpiresAt: r.ExpiresAt, RefreshToken: r.RefreshToken, Scope: r.Scope, Error: r.Error,
			Success: success, Rejected: rejected,
		},
	})
}

func static(c *config.Static, o *options) (provider.Provider, error) {
	return provider.NewStatic(provider.Static{
		Token: c.Token.Resolve, Type: c.TokenType, Scopes: c.Scopes, ExpiresAt: c.ExpiresAt, Now: o.now,
	})
}

func file(c *config.File, o *options) (provider.Provider, error) {
	return provider.NewFile(provider.File{
		Path: c.Path, Format: c.Form, Response: provider.FileResponse(c.Response),
		Type: c.TokenType, Scopes: c.Scopes, Now: o.now,
	})
}

func command(c *config.Exec) (provider.Provider, error) {
	return provider.NewExec(provider.Exec{
		Command: func() (provider.Execution, error) { return execution(c) },
		Dir:     c.Dir, Format: c.Form, Type: c.TokenType, Scopes: c.Scopes,
	})
}

// execution resolves what a command runs with. Its errors have paths below the
// service.
func execution(c *config.Exec) (provider.Execution, error) {
	x := expansion{}
	e := provider.Execution{Args: make([]string, len(c.Command)), Env: x.texts("env", c.Env)}
	for i, arg := range c.Command {
		e.Args[i] = x.text(fmt.Sprintf("command[%d]", i), arg)
	}
	e.Secrets = x.found
	return e, errors.Join(x.errs...)
}

func predicate(text string) (*provider.Predicate, error) {
	if text == "" {
		return nil, nil
	}
	p, err := config.ParsePredicate(text)
	if err != nil {
		return nil, err
	}
	return &provider.Predicate{Path: p.Path, Op: p.Op, Literal: p.Literal}, nil
}

// text resolves a secret.
func text(s config.Secret) (provider.Text, error) {
	whole, parts, err := s.Expand()
	return provider.Text{Secret: whole, Parts: parts}, err
}

func texts(secrets config.Secrets) (map[string]provider.Text, error) {
	all := make(map[string]provider.Text, len(secrets))
	for name, secret := range secrets {
		t, err := text(secret)
		if err != nil {
			return nil, err
		}
		all[name] = t
	}
	return all, nil
}

// request resolves what a login sends. Its errors have paths below request.
func request(r *config.Request) (provider.HTTPRequest, error) {
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
