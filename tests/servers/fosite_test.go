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

	"tokend/system"
)

// fositeServer runs a server that knows a client with a secret and one with a
// key.
func fositeServer(t *testing.T) *world {
	t.Helper()
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, false, func(base string, w *world) http.Handler {
		settings := &fosite.Config{
			GlobalSecret: []byte("0123456789abcdef0123456789abcdef"), TokenURL: base + "/token",
			AccessTokenLifespan: time.Minute, HashCost: bcrypt.MinCost, SendDebugMessagesToClients: true,
			GrantTypeJWTBearerCanSkipClientAuth: true,
		}
		return &fositeHandler{compose.ComposeAllEnabled(settings, fositeStore(t, w), own)}
	})
}

func fositeStore(t *testing.T, w *world) *storage.MemoryStore {
	t.Helper()
	good, _ := w.key(t, "good")
	w.key(t, "bad")
	hash, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	keys := &josev3.JSONWebKeySet{Keys: []josev3.JSONWebKey{{KeyID: "k1", Key: good.Public(), Algorithm: "ES256", Use: "sig"}}}
	store := storage.NewMemoryStore()
	store.IssuerPublicKeys["robot"] = storage.IssuerPublicKeys{Issuer: "robot", KeysBySub: map[string]storage.SubjectPublicKeys{
		"probe": {Subject: "probe", Keys: map[string]storage.PublicKeyScopes{"k1": {Key: &keys.Keys[0], Scopes: []string{"read"}}}},
	}}
	store.Users["probe"] = storage.MemoryUserRelation{Username: "probe", Password: secret}
	for _, method := range []string{"client_secret_basic", "client_secret_post", "private_key_jwt"} {
		store.Clients[method] = &fosite.DefaultOpenIDConnectClient{
			DefaultClient: &fosite.DefaultClient{
				ID: method, Secret: hash, Scopes: []string{"read", "offline"},
				GrantTypes: []string{"client_credentials", "password", "refresh_token"},
			},
			JSONWebKeys: keys, TokenEndpointAuthMethod: method, TokenEndpointAuthSigningAlgorithm: "ES256",
		}
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

func TestFositeAuthenticatesTheClient(t *testing.T) {
	w := fositeServer(t)
	w.write(t, "secret", secret)
	const secretly = "provider: client_credentials, token_url: BASE/token, client_secret: '${file:secret}', "
	for name, c := range map[string]struct {
		keys    string
		options []system.Option
		want    string // empty: accepted
	}{
		"a secret":             {keys: secretly + "client_id: client_secret_basic, scopes: [read]"},
		"a secret in the body": {keys: secretly + "client_id: client_secret_post, client_auth: post"},
		"a key":                {keys: asserting + "client_key: '${file:good.key}'"},

		"a wrong secret":       {keys: "provider: client_credentials, token_url: BASE/token, client_id: client_secret_basic, client_secret: other", want: "invalid_client"},
		"a wrong key":          {keys: asserting + "client_key: '${file:bad.key}'", want: "invalid_client"},
		"a wrong audience":     {keys: asserting + "client_key: '${file:good.key}', issuer: BASE, assertion_audience: issuer", want: "invalid_client"},
		"an expired assertion": {keys: asserting + "client_key: '${file:good.key}'", options: []system.Option{system.WithClock(behind)}, want: "500 error: The error is unrecognizable Token is expired"},
	} {
		t.Run(name, func(t *testing.T) { check(t, w.node(t, c.keys, c.options...), c.want) })
	}
}

func TestFositeRefusesAnAssertionThatItHasSeen(t *testing.T) {
	w := fositeServer(t)
	sys := w.node(t, asserting+"client_key: '${file:good.key}'")
	check(t, sys, "")
	if status := w.again(t, "/token"); status < 400 || status > 499 {
		t.Errorf("answered %d", status)
	}
	if err := sys.Refresh(t.Context(), "s"); err != nil {
		t.Errorf("another try has no other assertion: %v", err)
	}
}

// logIn returns the refresh token of a login by hand.
func (w *world) logIn(t *testing.T) string {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "username": {"probe"}, "password": {secret}, "scope": {"offline"}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("client_secret_basic", secret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := w.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.RefreshToken == "" {
		t.Fatalf("no refresh token: %d, %v", resp.StatusCode, err)
	}
	return answer.RefreshToken
}

const refreshing = "provider: refresh_token, token_url: BASE/token, client_id: client_secret_basic, client_secret: '${file:secret}', refresh_token: '${file:login}'"

func TestFositeRotatesRefreshTokens(t *testing.T) {
	w := fositeServer(t)
	w.write(t, "secret", secret)
	w.write(t, "login", w.logIn(t))
	sys := w.node(t, refreshing)
	check(t, sys, "")
	for range 2 {
		if err := sys.Refresh(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, form := range w.requests() {
		if token := form.Get("refresh_token"); token != "" {
			seen[token] = true
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d refresh tokens were used, not 3", len(seen))
	}
}

func TestFositeEndsALoginWhoseTokenIsUsedAgain(t *testing.T) {
	w := fositeServer(t)
	w.write(t, "secret", secret)
	w.write(t, "login", w.logIn(t))
	check(t, w.node(t, refreshing), "")
	sys := w.node(t, refreshing) // as after a restart without a disk
	check(t, sys, "rejected: 400 invalid_grant")
	w.write(t, "login", w.logIn(t))
	if err := sys.Refresh(t.Context(), "s"); err != nil {
		t.Errorf("a new login does not help: %v", err)
	}
}

func TestFositeTakesPasswords(t *testing.T) {
	w := fositeServer(t)
	w.write(t, "secret", secret)
	const named = "provider: password, token_url: BASE/token, client_id: client_secret_basic, client_secret: '${file:secret}', username: probe, "
	check(t, w.node(t, named+"password: '${file:secret}'"), "")
	check(t, w.node(t, named+"password: other"), "rejected: 400 invalid_grant")
}

func TestFositeTakesAssertionsForAToken(t *testing.T) {
	w := fositeServer(t)
	for name, c := range map[string]struct{ assertion, want string }{
		"of a key that it knows": {"key: '${file:good.key}', key_id: k1, issuer: robot, subject: probe", ""},
		"of another key":         {"key: '${file:bad.key}', key_id: k1, issuer: robot, subject: probe", "rejected: 400 invalid_grant"},
		"of another issuer":      {"key: '${file:good.key}', key_id: k1, issuer: other, subject: probe", "rejected: 400 invalid_grant"},
		"for somebody else":      {"key: '${file:good.key}', key_id: k1, issuer: robot, subject: other", "rejected: 400 invalid_grant"},
		"for another server":     {"key: '${file:good.key}', key_id: k1, issuer: robot, subject: probe, audience: 'https://other.example'", "rejected: 400 invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, w.node(t, "provider: jwt_bearer, token_url: BASE/token, scopes: [read], assertion: {"+c.assertion+"}"), c.want)
		})
	}
}
