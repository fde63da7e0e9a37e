package demo

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

// newOAuth returns an authorization server that knows one client and gives it
// signed JWTs. Nothing outside this file knows which library it is made with.
func newOAuth(issuer, clientID, secret string, life time.Duration) (http.Handler, error) {
	keys, err := newKeys()
	if err != nil {
		return nil, err
	}
	server, err := provider.New(
		provider.Config{
			Issuer:      issuer,
			JWKS:        func(context.Context) (goidc.JSONWebKeySet, error) { return keys, nil },
			IDTokenAlgs: []goidc.SignatureAlgorithm{goidc.SigAlgES256},
		},
		provider.WithScopes(goidc.NewScope("read")),
		provider.WithSecretBasicAuthn(),
		provider.WithClientCredentialsGrant(),
		provider.WithJTIConsumer(func(context.Context, string) error { return nil }), // no assertions here
		provider.WithTokenOptions(func(context.Context, *goidc.Grant, *goidc.Client) goidc.TokenOptions {
			return goidc.NewJWTTokenOptions(goidc.SigAlgES256, int(life/time.Second))
		}),
		provider.WithStaticClients(newClient(clientID, secret)),
	)
	if err != nil {
		return nil, err
	}
	return server.Handler(), nil
}

func newKeys() (goidc.JSONWebKeySet, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return goidc.JSONWebKeySet{}, err
	}
	return goidc.JSONWebKeySet{Keys: []goidc.JSONWebKey{{
		KeyID: "demo", Key: key, Algorithm: string(goidc.SigAlgES256), Use: "sig",
	}}}, nil
}

func newClient(id, secret string) *goidc.Client {
	return &goidc.Client{
		ID: id, Secret: secret,
		ClientMeta: goidc.ClientMeta{
			GrantTypes:       []goidc.GrantType{goidc.GrantClientCredentials},
			ScopeIDs:         "read",
			TokenAuthnMethod: goidc.AuthnMethodSecretBasic,
		},
	}
}
