package servers

import (
	"context"
	"net/http"
	"testing"

	"github.com/go-oauth2/oauth2/v4"
	"github.com/go-oauth2/oauth2/v4/errors"
	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"
	"github.com/go-oauth2/oauth2/v4/server"
	"github.com/go-oauth2/oauth2/v4/store"
)

// goOAuth2Server runs a server that knows a client with a secret and one without.
func goOAuth2Server(t *testing.T) *world {
	t.Helper()
	return start(t, false, func(string, *world) http.Handler {
		clients := store.NewClientStore()
		for _, client := range []*models.Client{{ID: "basic", Secret: secret}, {ID: "none", Public: true}} {
			if err := clients.Set(client.ID, client); err != nil {
				t.Fatal(err)
			}
		}
		manager := manage.NewDefaultManager()
		manager.MapClientStorage(clients)
		manager.MustTokenStorage(store.NewMemoryTokenStore())
		s := server.NewDefaultServer(manager)
		s.SetAllowedGrantType(oauth2.ClientCredentials, oauth2.PasswordCredentials, oauth2.Refreshing)
		s.SetClientInfoHandler(basicOrForm)
		s.SetClientScopeHandler(func(tgr *oauth2.TokenGenerateRequest) (bool, error) { return tgr.Scope != "all", nil })
		s.SetPasswordAuthorizationHandler(func(_ context.Context, _, name, password string) (string, error) {
			if name == "probe" && password == secret {
				return name, nil
			}
			return "", errors.ErrInvalidGrant
		})
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = s.HandleTokenRequest(w, r) })
	})
}

// basicOrForm finds the client in either place. A client without a secret only
// names itself.
func basicOrForm(r *http.Request) (id, secret string, err error) {
	if id, secret, err = server.ClientBasicHandler(r); err == nil {
		return id, secret, nil
	}
	return r.FormValue("client_id"), r.FormValue("client_secret"), nil
}

func goOAuth2Cells() map[string]cell {
	const denied, unknown = "401 invalid_client", "500 server_error"
	const passwords = "provider: password, token_url: BASE/token, username: probe, client_id: "
	const known = "basic, client_auth: basic_raw, client_secret: '${file:secret}', "
	return map[string]cell{
		"basic_raw": secretly("basic_raw", "basic", denied, unknown),
		"post":      secretly("post", "basic", denied, unknown),
		"none": {
			keys: passwords + "none, client_auth: none, password: '${file:secret}'",
			refuses: []try{
				{"a client that has a secret", passwords + "basic, client_auth: none, password: '${file:secret}'", nil, denied},
			},
		},
		"client_credentials": grants("basic_raw", "400 invalid_scope"),
		"refresh_token": refreshing("basic", "client_auth: basic_raw, client_secret: '${file:secret}'", "401 invalid_grant", func(t *testing.T, w *world) string {
			return w.logIn(t, "basic", secret)
		}),
		"password": {
			keys: passwords + known + "password: '${file:secret}'",
			refuses: []try{
				{"a wrong password", passwords + known + "password: '${file:wrong}'", nil, "invalid_grant"},
				{"a wrong secret", passwords + "basic, client_auth: basic_raw, client_secret: '${file:wrong}', password: '${file:secret}'", nil, denied},
			},
		},
	}
}
