package servers

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// zitadelServer runs a server that knows a client with a secret, and a robot with
// a key. What is stored otherwise is that of its authors' example.
func zitadelServer(t *testing.T) *world {
	t.Helper()
	return start(t, false, func(base string, w *world) http.Handler {
		kept := &robots{Storage: storage.NewStorage(storage.NewUserStore(base)), key: jose.JSONWebKey{
			KeyID: "ec", Key: w.keys["ec"].Public(), Use: "sig",
		}}
		settings := &op.Config{CryptoKey: sha256.Sum256([]byte(secret)), AuthMethodPost: true, AuthMethodPrivateKeyJWT: true}
		p, err := op.NewProvider(settings, kept, op.StaticIssuer(base), op.WithAllowInsecure(),
			op.WithCustomTokenEndpoint(op.NewEndpoint("token")))
		if err != nil {
			t.Fatal(err)
		}
		return p
	})
}

// robots is a storage that knows the clients of these tests.
type robots struct {
	*storage.Storage

	key jose.JSONWebKey
}

var errUnknown = errors.New("unknown")

func (s *robots) ClientCredentials(ctx context.Context, id, given string) (op.Client, error) {
	if id != "basic" || given != secret {
		return nil, errUnknown
	}
	return s.Storage.ClientCredentials(ctx, "sid1", "verysecret")
}

func (s *robots) ClientCredentialsTokenRequest(ctx context.Context, _ string, scopes []string) (op.TokenRequest, error) {
	return s.Storage.ClientCredentialsTokenRequest(ctx, "sid1", scopes)
}

func (s *robots) GetKeyByIDAndClientID(_ context.Context, kid, id string) (*jose.JSONWebKey, error) {
	if kid != s.key.KeyID || id != "robot" {
		return nil, errUnknown
	}
	return &s.key, nil
}

func zitadelCells() map[string]cell {
	const denied = "401 invalid_client"
	const robot = "provider: jwt_bearer, token_url: BASE/token, issuer: BASE, scopes: [openid], assertion: {audience: issuer, "
	return map[string]cell{
		"basic": secretly("basic", "basic", denied, denied),
		"post":  secretly("post", "basic", denied, denied),
		"client_credentials": {
			keys:    credentials + "client_id: basic, client_secret: '${file:secret}'",
			refuses: []try{{"a wrong secret", credentials + "client_id: basic, client_secret: '${file:wrong}'", nil, denied}},
		},
		"jwt_bearer": {
			keys: robot + "key: '${file:ec.key}', key_id: ec, issuer: robot}",
			refuses: []try{
				{"a wrong key", robot + "key: '${file:bad-ec.key}', key_id: ec, issuer: robot}", nil, "400 invalid_grant"},
				{"a wrong issuer", robot + "key: '${file:ec.key}', key_id: ec, issuer: other}", nil, "400 invalid_grant"},
				{"a wrong subject", robot + "key: '${file:ec.key}', key_id: ec, issuer: robot, subject: other}", nil, "400 invalid_grant"},
				{"an unknown kid", robot + "key: '${file:ec.key}', key_id: k2, issuer: robot}", nil, "400 invalid_grant"},
				{"a wrong audience", "provider: jwt_bearer, token_url: BASE/token, assertion: {audience: 'https://other.example', key: '${file:ec.key}', key_id: ec, issuer: robot}", nil, "400 invalid_grant"},
				{"an expired assertion", robot + "key: '${file:ec.key}', key_id: ec, issuer: robot}", late, "400 invalid_grant"},
			},
		},
	}
}
