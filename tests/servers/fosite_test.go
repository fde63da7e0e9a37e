package servers

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	josev3 "github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/storage"
	"golang.org/x/crypto/bcrypt"
)

// fositeServer runs a server that knows a client of the same name for every way in
// which it lets clients prove who they are.
func fositeServer(t *testing.T) *world {
	t.Helper()
	own := must(rsa.GenerateKey(rand.Reader, 2048))
	return start(t, false, func(base string, w *world) http.Handler {
		settings := &fosite.Config{
			GlobalSecret: []byte("0123456789abcdef0123456789abcdef"), TokenURL: base + "/token",
			AccessTokenLifespan: time.Minute, HashCost: bcrypt.MinCost, SendDebugMessagesToClients: true,
			GrantTypeJWTBearerCanSkipClientAuth: true,
		}
		return &fositeHandler{compose.ComposeAllEnabled(settings, fositeStore(w), own)}
	})
}

func fositeStore(w *world) *storage.MemoryStore {
	hash := must(bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost))
	keys := &josev3.JSONWebKeySet{Keys: []josev3.JSONWebKey{
		{KeyID: "ec", Key: w.keys["ec"].Public(), Algorithm: "ES256", Use: "sig"},
		{KeyID: "rsa", Key: w.keys["rsa"].Public(), Use: "sig"},
	}}
	store := storage.NewMemoryStore()
	store.IssuerPublicKeys["robot"] = storage.IssuerPublicKeys{Issuer: "robot", KeysBySub: map[string]storage.SubjectPublicKeys{
		"probe": {Subject: "probe", Keys: map[string]storage.PublicKeyScopes{"ec": {Key: &keys.Keys[0], Scopes: []string{"read"}}}},
	}}
	store.Users["probe"] = storage.MemoryUserRelation{Username: "probe", Password: secret}
	client := func(id, method, algorithm string, public bool) {
		store.Clients[id] = &fosite.DefaultOpenIDConnectClient{
			DefaultClient: &fosite.DefaultClient{
				ID: id, Secret: hash, Scopes: []string{"read", "offline"}, Public: public,
				GrantTypes: []string{"client_credentials", "password", "refresh_token"},
			},
			JSONWebKeys: keys, TokenEndpointAuthMethod: method, TokenEndpointAuthSigningAlgorithm: algorithm,
		}
	}
	client("basic", "client_secret_basic", "", false)
	client("post", "client_secret_post", "", false)
	client("none", "none", "", true)
	for _, algorithm := range []string{"RS256", "PS256", "ES256"} {
		client(algorithm, "private_key_jwt", algorithm, false)
	}
	return store
}

// fositeHandler grants everything that is asked for.
type fositeHandler struct{ fosite.OAuth2Provider }

func (h *fositeHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	req, err := h.NewAccessRequest(ctx, r, new(fosite.DefaultSession))
	if err != nil {
		h.WriteAccessError(ctx, w, req, err)
		return
	}
	for _, scope := range req.GetRequestedScopes() {
		req.GrantScope(scope)
	}
	resp, err := h.NewAccessResponse(ctx, req)
	if err != nil {
		h.WriteAccessError(ctx, w, req, err)
		return
	}
	h.WriteAccessResponse(ctx, w, req, resp)
}

// logIn returns the refresh token of a login by hand, by a client whose secret goes
// into the header as it is given.
func (w *world) logIn(t *testing.T, id, secret string) string {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "username": {"probe"}, "password": {probePassword}, "scope": {"offline"}}
	req := must(http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/token", strings.NewReader(form.Encode())))
	req.SetBasicAuth(id, secret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp := must(w.Client().Do(req))
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.RefreshToken == "" {
		t.Fatalf("no refresh token: %d, %v", resp.StatusCode, err)
	}
	return answer.RefreshToken
}

func fositeCells() map[string]cell {
	const denied, passwords = "401 invalid_client", "provider: password, token_url: BASE/token, username: probe, client_id: "
	says := refusals{key: denied, audience: denied, expired: "500 error", kid: "400 invalid_request", replay: 400}
	const robot = "provider: jwt_bearer, token_url: BASE/token, scopes: [read], assertion: {"
	return map[string]cell{
		"basic": secretly("basic", "basic", denied, denied),
		"post":  secretly("post", "post", denied, denied),
		"none": {
			keys: passwords + "none, client_auth: none, password: '${file:secret}'",
			refuses: []try{
				{"a client that has a secret", passwords + "basic, client_auth: none, password: '${file:secret}'", nil, denied},
				{"an unknown client", passwords + "nobody, client_auth: none, password: '${file:secret}'", nil, denied},
			},
		},
		"private_key_jwt RS256": signing("RS256", "rsa", says),
		"private_key_jwt PS256": signing("PS256", "rsa", says),
		"private_key_jwt ES256": signing("ES256", "ec", says),
		"client_credentials":    grants("basic", "400 invalid_scope"),
		"refresh_token": refreshing("basic", "client_auth: basic, client_secret: '${file:secret}'", "400 invalid_grant", func(t *testing.T, w *world) string {
			return w.logIn(t, "basic", url.QueryEscape(secret))
		}),
		"password": {
			keys: passwords + "basic, client_secret: '${file:secret}', password: '${file:secret}'",
			refuses: []try{
				{"a wrong password", passwords + "basic, client_secret: '${file:secret}', password: '${file:wrong}'", nil, "400 invalid_grant"},
				{"a wrong secret", passwords + "basic, client_secret: '${file:wrong}', password: '${file:secret}'", nil, denied},
			},
		},
		"jwt_bearer": {
			keys: robot + "key: '${file:ec.key}', key_id: ec, issuer: robot, subject: probe}",
			refuses: []try{
				{"a wrong key", robot + "key: '${file:bad-ec.key}', key_id: ec, issuer: robot, subject: probe}", nil, "400 invalid_grant"},
				{"a wrong issuer", robot + "key: '${file:ec.key}', key_id: ec, issuer: other, subject: probe}", nil, "400 invalid_grant"},
				{"a wrong subject", robot + "key: '${file:ec.key}', key_id: ec, issuer: robot, subject: other}", nil, "400 invalid_grant"},
				{"a wrong audience", robot + "key: '${file:ec.key}', key_id: ec, issuer: robot, subject: probe, audience: 'https://other.example'}", nil, "400 invalid_grant"},
				{"an unknown kid", robot + "key: '${file:ec.key}', key_id: k2, issuer: robot, subject: probe}", nil, "400 invalid_grant"},
				{"an expired assertion", robot + "key: '${file:ec.key}', key_id: ec, issuer: robot, subject: probe}", late, "400 invalid_grant"},
			},
			more: replayed(400),
		},
	}
}
