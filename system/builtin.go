package system

import (
	"tokend/actors/provider"
	"tokend/config"
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

func static(c *config.Static, o *options) (provider.Provider, error) {
	return provider.NewStatic(provider.Static{
		Token: c.Token.Resolve, Type: c.TokenType, Scopes: c.Scopes, ExpiresAt: c.ExpiresAt, Now: o.now,
	})
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
