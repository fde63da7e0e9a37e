package config_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tokend/config"
)

func oauth(spoil func(c *config.ClientCredentials)) func(c *config.Config) {
	return change("cc", func(s *config.Service) { spoil(s.ClientCredentials) })
}

// signing makes the client prove who it is by a secret of that length.
func signing(algorithm string, length int) func(c *config.Config) {
	return oauth(func(c *config.ClientCredentials) {
		c.ClientAuth, c.AssertionAlgorithm = config.AuthSecretJWT, algorithm
		c.ClientSecret = config.NewSecret(strings.Repeat("s", length))
	})
}

func details(v any) func(c *config.Config) {
	return oauth(func(c *config.ClientCredentials) { c.Details = config.NewTree(v) })
}

// byKey makes the client prove who it is by a key, then spoils that.
func byKey(spoil func(c *config.ClientCredentials)) func(c *config.Config) {
	return oauth(func(c *config.ClientCredentials) {
		c.ClientAuth, c.ClientSecret, c.ClientKey = config.AuthKeyJWT, config.Secret{}, config.NewSecret("key")
		spoil(c)
	})
}

func TestValidateClientAuthentication(t *testing.T) {
	secret := config.NewSecret
	checkLiterals(t, map[string]struct {
		spoil func(c *config.Config)
		want  string
	}{
		"nothing but a name": {oauth(func(c *config.ClientCredentials) { c.ClientAuth, c.ClientSecret = config.AuthNone, config.Secret{} }), ""},
		"a key":              {byKey(func(*config.ClientCredentials) {}), ""},
		"everything about a key": {byKey(func(c *config.ClientCredentials) {
			c.ClientKeyID, c.ClientCertificate, c.AssertionAlgorithm = "k1", secret("x"), "EdDSA"
			c.AssertionAudience, c.Issuer = config.AudienceIssuer, "https://idp.example/tenant"
		}), ""},
		"a secret that signs":            {signing("HS512", 64), ""},
		"a short secret for a long hash": {signing("HS384", 47), "services.cc.client_secret: is shorter than the 48 bytes that HS384 needs"},
		"a short secret that signs":      {signing("", 31), "services.cc.client_secret: is shorter than the 32 bytes that HS256 needs"},

		"an issuer to ask": {oauth(func(c *config.ClientCredentials) { c.TokenURL, c.Issuer = "", "https://idp.example/tenant/" }), ""},

		"an issuer beyond loopback": {
			oauth(func(c *config.ClientCredentials) { c.TokenURL, c.Issuer = "", "http://canary.example" }),
			"services.cc.issuer: must be https: without it the secret can be read on the way (allow_http: true permits it)",
		},
		"details":              {details([]any{map[string]any{"type": "payment", "n": 1}}), ""},
		"details of no type":   {details([]any{map[string]any{"type": "a"}, map[string]any{"canary": "x"}}), "services.cc.authorization_details[1]: must be a map with a type"},
		"details that are one": {details(map[string]any{"type": "canary"}), "services.cc.authorization_details: must be a list"},
		"an unset detail":      {details([]any{map[string]any{"type": "${env:TOKEND_UNSET}"}}), "services.cc.authorization_details[0].type: ${env:TOKEND_UNSET}: not set"},
		"no secret that signs": {
			oauth(func(c *config.ClientCredentials) {
				c.ClientAuth, c.ClientSecret = config.AuthSecretJWT, config.Secret{}
			}),
			"services.cc.client_secret: required",
		},
		"no key":                {byKey(func(c *config.ClientCredentials) { c.ClientKey = config.Secret{} }), "services.cc.client_key: required"},
		"an unset key":          {byKey(func(c *config.ClientCredentials) { c.ClientKey = secret("${env:TOKEND_UNSET}") }), "services.cc.client_key: ${env:TOKEND_UNSET}: not set"},
		"an unset certificate":  {byKey(func(c *config.ClientCredentials) { c.ClientCertificate = secret("${file:/none}") }), "services.cc.client_certificate: ${file:/none}: no such file or directory"},
		"a secret beside a key": {byKey(func(c *config.ClientCredentials) { c.ClientSecret = secret("canary") }), "services.cc.client_secret: belongs to client_auth basic, basic_raw, post, client_secret_jwt, not to private_key_jwt"},
		"a secret for nothing":  {oauth(func(c *config.ClientCredentials) { c.ClientAuth = config.AuthNone }), "services.cc.client_secret: belongs to client_auth basic, basic_raw, post, client_secret_jwt, not to none"},
		"a key for basic":       {oauth(func(c *config.ClientCredentials) { c.ClientKey = secret("canary") }), "services.cc.client_key: belongs to client_auth private_key_jwt, not to basic"},
		"a certificate for basic": {
			oauth(func(c *config.ClientCredentials) { c.ClientCertificate = secret("canary") }),
			"services.cc.client_certificate: belongs to client_auth private_key_jwt, not to basic",
		},
		"a key's name for basic":   {oauth(func(c *config.ClientCredentials) { c.ClientKeyID = "k" }), "services.cc.client_key_id: belongs to client_auth client_secret_jwt, private_key_jwt, not to basic"},
		"an algorithm for basic":   {oauth(func(c *config.ClientCredentials) { c.AssertionAlgorithm = "ES256" }), "services.cc.assertion_algorithm: belongs to client_auth client_secret_jwt, private_key_jwt, not to basic"},
		"an audience for basic":    {oauth(func(c *config.ClientCredentials) { c.AssertionAudience = "x" }), "services.cc.assertion_audience: belongs to client_auth client_secret_jwt, private_key_jwt, not to basic"},
		"an algorithm of a secret": {byKey(func(c *config.ClientCredentials) { c.AssertionAlgorithm = "HS256" }), "services.cc.assertion_algorithm: must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA"},
		"no issuer":                {byKey(func(c *config.ClientCredentials) { c.AssertionAudience = config.AudienceIssuer }), "services.cc.issuer: required by assertion_audience issuer"},
		"an issuer that is no URL": {byKey(func(c *config.ClientCredentials) { c.Issuer = "canary" }), "services.cc.issuer: must be an absolute URL"},
		"an issuer with a query":   {byKey(func(c *config.ClientCredentials) { c.Issuer = "https://idp.example/?canary" }), "services.cc.issuer: must not have a query"},
		"no certificate": {
			oauth(func(c *config.ClientCredentials) { c.ClientAuth, c.ClientSecret = config.AuthTLS, config.Secret{} }),
			"services.cc.tls.cert_file: required by client_auth tls",
		},
	})
}

func TestValidateClientAuthenticationByTLS(t *testing.T) {
	cert, key := certificate(t, t.TempDir(), "one")
	tls := func(url string) func(c *config.Config) {
		return change("cc", func(s *config.Service) {
			s.TLS = &config.TLS{CertFile: cert, KeyFile: key}
			s.ClientCredentials.TokenURL, s.ClientCredentials.ClientSecret = url, config.Secret{}
			s.ClientCredentials.ClientAuth = config.AuthTLS
		})
	}
	checkLiterals(t, map[string]struct {
		spoil func(c *config.Config)
		want  string
	}{
		"a certificate":           {tls("https://idp.example/token"), ""},
		"no TLS to show it by":    {tls("http://127.0.0.1/token"), "services.cc.token_url: must be https: without it client_auth tls shows no certificate"},
		"a directory of that key": {change("cc", func(s *config.Service) { s.TLS = &config.TLS{CertFile: filepath.Dir(cert), KeyFile: key} }), "services.cc.tls.cert_file: not a regular file"},
	})
}

func TestValidateOtherGrants(t *testing.T) {
	base := config.OAuth{TokenURL: "https://idp.example/token", ClientID: "probe", ClientAuth: config.AuthNone}
	secret := config.NewSecret("hush")
	service := func(s config.Service) func(c *config.Config) {
		return func(c *config.Config) { c.Services["g"] = s }
	}
	refresh := func(r config.RefreshToken) func(c *config.Config) {
		return service(config.Service{Provider: config.KindRefreshToken, RefreshToken: &r})
	}
	const oneOf = "must be one of client_credentials, password, jwt_bearer, login"
	fallback := func(f config.Fallback) func(c *config.Config) {
		return refresh(config.RefreshToken{OAuth: base, RefreshToken: secret, Fallback: &f})
	}
	password := func(p config.Password) func(c *config.Config) {
		return service(config.Service{Provider: config.KindPassword, Password: &p})
	}
	bearer := func(o config.OAuth, a config.Assertion) func(c *config.Config) {
		return service(config.Service{Provider: config.KindJWTBearer, JWTBearer: &config.JWTBearer{OAuth: o, Assertion: a}})
	}
	checkLiterals(t, map[string]struct {
		spoil func(c *config.Config)
		want  string
	}{
		"a refresh token":          {refresh(config.RefreshToken{OAuth: base, RefreshToken: secret}), ""},
		"no refresh token":         {refresh(config.RefreshToken{OAuth: base}), "services.g.refresh_token: required"},
		"an unset refresh token":   {refresh(config.RefreshToken{OAuth: base, RefreshToken: config.NewSecret("${env:TOKEND_UNSET}")}), "services.g.refresh_token: ${env:TOKEND_UNSET}: not set"},
		"a refresh token and kind": {service(config.Service{Provider: config.KindPassword, RefreshToken: &config.RefreshToken{}, Password: &config.Password{OAuth: base, Username: "u", Password: secret}}), "services.g: has keys that belong to provider refresh_token"},
		"kept alive":               {refresh(config.RefreshToken{OAuth: base, RefreshToken: secret, KeepAlive: new(time.Minute)}), ""},
		"not kept alive":           {refresh(config.RefreshToken{OAuth: base, RefreshToken: secret, KeepAlive: new(time.Duration(0))}), ""},
		"kept alive all the time":  {refresh(config.RefreshToken{OAuth: base, RefreshToken: secret, KeepAlive: new(time.Minute - 1)}), "services.g.keep_alive: must be 0s, or between 1m and 87600h"},
		"kept alive for ever":      {refresh(config.RefreshToken{OAuth: base, RefreshToken: secret, KeepAlive: new(87600*time.Hour + 1)}), "services.g.keep_alive: must be 0s, or between 1m and 87600h"},
		"a fallback":               {fallback(config.Fallback{Provider: config.KindClientCredentials, ClientCredentials: (*config.ClientCredentials)(&base)}), ""},
		"a fallback of no kind":    {fallback(config.Fallback{}), "services.g.fallback.provider: " + oneOf},
		"a fallback that cannot":   {fallback(config.Fallback{Provider: config.KindStatic}), "services.g.fallback.provider: " + oneOf},
		"a fallback of two kinds":  {fallback(config.Fallback{Provider: config.KindPassword, Password: &config.Password{OAuth: base, Username: "u", Password: secret}, Login: &config.Login{}}), "services.g.fallback: has keys that belong to provider login"},
		"a fallback with less":     {fallback(config.Fallback{Provider: config.KindPassword, Password: &config.Password{OAuth: base, Username: "u"}}), "services.g.fallback.password: required"},
		"a password":               {password(config.Password{OAuth: base, Username: "u", Password: secret}), ""},
		"no name":                  {password(config.Password{OAuth: base, Password: secret}), "services.g.username: required"},
		"no password":              {password(config.Password{OAuth: base, Username: "u"}), "services.g.password: required"},
		"an assertion":             {bearer(config.OAuth{}, config.Assertion{Key: secret}), ""},
		"an assertion of a client": {bearer(base, config.Assertion{Key: secret, Algorithm: "ES256", Audience: "urn:x"}), ""},
		"no key":                   {bearer(base, config.Assertion{}), "services.g.assertion.key: required"},
		"a client without secret":  {bearer(config.OAuth{ClientID: "probe"}, config.Assertion{Key: secret}), "services.g.client_secret: required"},
		"a secret without client":  {bearer(config.OAuth{ClientSecret: secret}, config.Assertion{Key: secret}), "services.g.client_id: required"},
		"a client's key, unused":   {bearer(config.OAuth{ClientKey: secret}, config.Assertion{Key: secret}), "services.g.client_key: belongs to client_auth private_key_jwt, not to none"},
		"an algorithm of a secret": {bearer(base, config.Assertion{Key: secret, Algorithm: "HS256"}), "services.g.assertion.algorithm: must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA"},
		"an issuer that is not":    {bearer(base, config.Assertion{Key: secret, Audience: config.AudienceIssuer}), "services.g.issuer: required by assertion.audience issuer"},
		"a URL that is none":       {bearer(config.OAuth{TokenURL: "canary"}, config.Assertion{Key: secret}), "services.g.token_url: must be an absolute URL"},
	})
}
