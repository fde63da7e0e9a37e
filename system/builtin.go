package system

import (
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"

	"github.com/sirupsen/logrus"

	"tokend/actors/provider"
	"tokend/config"
)

// provider makes the provider of a service.
func (s *System) provider(name string, svc *config.Service, policy config.Policy) (_ provider.Provider, err error) {
	defer s.options.survive(name, &err)
	endpoint := provider.Endpoint{
		Transports: s.transports, TLS: tlsOf(svc), ConnectTimeout: policy.ConnectTimeout, AllowHTTP: svc.AllowHTTP,
	}
	switch svc.Provider {
	case config.KindClientCredentials:
		return clientCredentials(endpoint, svc.ClientCredentials, s.options)
	case config.KindRefreshToken:
		return s.refreshToken(endpoint, svc, name, policy)
	case config.KindPassword:
		return password(endpoint, svc.Password, s.options)
	case config.KindJWTBearer:
		return jwtBearer(endpoint, svc.JWTBearer, s.options)
	case config.KindLogin:
		return login(endpoint, svc.Login, s.options)
	case config.KindStatic:
		return static(svc.Static, s.options)
	case config.KindFile:
		return file(svc.File, s.options)
	case config.KindExec:
		return command(svc.Exec)
	default:
		return s.options.custom(name, svc)
	}
}

// tlsOf returns how a service's endpoints are reached.
func tlsOf(svc *config.Service) provider.TLS {
	if svc.TLS == nil {
		return provider.TLS{}
	}
	return provider.TLS(*svc.TLS)
}

// custom makes the provider of a host's own kind.
func (o *options) custom(name string, svc *config.Service) (provider.Provider, error) {
	factory := o.factories[svc.Provider]
	if factory == nil {
		known := append(config.BuiltIn(), slices.Sorted(maps.Keys(o.factories))...)
		return nil, under("provider", fmt.Errorf("unknown kind %q, want one of %q", svc.Provider, known))
	}
	resolved, err := svc.Options.Resolve()
	if err != nil {
		return nil, under("options", err)
	}
	values, _ := resolved.(map[string]any)
	p, err := factory(name, values)
	if err != nil {
		return nil, under("options", err)
	}
	if p == nil {
		return nil, under("provider", fmt.Errorf("the factory of kind %q made none", svc.Provider))
	}
	return p, nil
}

// survive makes an error of a panic. A host's factory may panic, which is the
// business of its services alone: the others are judged, and go on, all the same.
func (o *options) survive(name string, err *error) {
	if r := recover(); r != nil {
		o.log.WithFields(logrus.Fields{"service": name, "stack": string(debug.Stack())}).Error("making a provider panicked")
		*err = fmt.Errorf("making its provider ended in a panic of type %T", r)
	}
}

func clientCredentials(e provider.Endpoint, c *config.ClientCredentials, o *options) (provider.Provider, error) {
	return provider.NewClientCredentials(provider.ClientCredentials(grant(e, (*config.OAuth)(c), o)))
}

func (s *System) refreshToken(e provider.Endpoint, svc *config.Service, name string, policy config.Policy) (provider.Provider, error) {
	c := svc.RefreshToken
	r := provider.RefreshToken{
		Grant: grant(e, &c.OAuth, s.options), RefreshToken: secret(c.RefreshToken), Where: c.RefreshToken.File(),
		Logins: s.logins,
	}
	if c.Fallback != nil {
		fallback, err := s.provider(name, c.Fallback.Service(svc), policy)
		if err != nil {
			return nil, under("fallback", err)
		}
		r.Fallback = s.bounded(fallback)
	}
	return provider.NewRefreshToken(r)
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

// grant returns what the grants of OAuth have in common. Scopes that stand in
// params take the place of the others, and nobody compares them with what is
// granted: all of params is secret.
func grant(e provider.Endpoint, c *config.OAuth, o *options) provider.Grant {
	scopes := c.Scopes
	if _, other := c.Params["scope"]; other {
		scopes = nil
	}
	return provider.Grant{
		Endpoint: e, TokenURL: c.TokenURL, Issuer: c.Issuer,
		ClientID: c.ClientID, ClientSecret: secret(c.ClientSecret), Auth: c.ClientAuth,
		Key: secret(c.ClientKey), KeyID: c.ClientKeyID, Certificate: secret(c.ClientCertificate),
		Algorithm: c.AssertionAlgorithm, AssertionAudience: c.AssertionAudience,
		Type: c.TokenType, Scopes: scopes, Audience: c.Audience, Resource: c.Resource,
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
