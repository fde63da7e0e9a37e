package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tokend/config"
)

const refreshing = "provider: refresh_token, token_url: 'https://idp.example/', client_id: probe, client_auth: none, refresh_token: '${file:login}'"

func TestParseAFallback(t *testing.T) {
	dir := t.TempDir()
	login := filepath.Join(dir, "login")
	if err := os.WriteFile(login, []byte("hush"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "services: {s: {" + refreshing + ", keep_alive: 12h, fallback: {provider: password, token_url: 'https://idp.example/', client_id: other, client_auth: none, username: u, password: p}}}"
	c, err := config.Parse([]byte(text), config.WithDir(dir), environ("TOKEND__SERVICES__S__FALLBACK__USERNAME=v"))
	if err != nil {
		t.Fatal(err)
	}
	r := c.Services["s"].RefreshToken
	if *r.KeepAlive != 12*time.Hour || r.ClientID != "probe" || r.RefreshToken.File() != login {
		t.Errorf("%+v, the file %s", r, r.RefreshToken.File())
	}
	f := r.Fallback
	if f.Provider != config.KindPassword || f.Password.ClientID != "other" || f.Password.Username != "v" || f.Login != nil || f.ClientCredentials != nil {
		t.Errorf("%+v", f)
	}
}

func TestAFallbackIsReadStrictly(t *testing.T) {
	for name, tc := range map[string]struct{ text, path, message string }{
		"no map":                {"x", "services.s.fallback", "must be a map, not a text"},
		"no kind":               {"{}", "services.s.fallback.provider", "must be one of client_credentials, password, jwt_bearer, login"},
		"a refresh token again": {"{provider: refresh_token}", "services.s.fallback.provider", "must be one of client_credentials, password, jwt_bearer, login"},
		"a key of another kind": {"{provider: login, username: u, request: {url: 'https://idp.example/'}, response: {token: t}}", "services.s.fallback.username", "belongs to provider password, not to login"},
		"a key of services":     {"{provider: login, timeout: 1s, request: {url: 'https://idp.example/'}, response: {token: t}}", "services.s.fallback.timeout", "unknown key"},
		"a key of itself":       {"{provider: login, fallback: {}, request: {url: 'https://idp.example/'}, response: {token: t}}", "services.s.fallback.fallback", "unknown key"},
	} {
		t.Run(name, func(t *testing.T) {
			whole := strings.ReplaceAll("services: {s: {"+refreshing+", fallback: "+tc.text+"}}", "${file:login}", "hush")
			_, err := config.Parse([]byte(whole), environ())
			if diff := cmp.Diff([]config.FieldError{{Path: tc.path, Message: tc.message}}, config.Errors(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, kind := range []string{"client_credentials", "password", "jwt_bearer", "login"} {
		_, err := config.Parse([]byte("services: {s: {"+refreshing+", fallback: {provider: "+kind+"}}}"), environ())
		if len(config.Errors(err)) < 2 { // the refresh token's file is missing, and whatever the kind needs
			t.Errorf("%s without a key: %v", kind, err)
		}
	}
}

func TestASecretThatIsAFile(t *testing.T) {
	abs := func(path string) string {
		full, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		return full
	}
	for template, want := range map[string]string{
		"":                    "",
		"hush":                "",
		"${file:/run/a}":      "/run/a",
		"${file:a}":           abs("a"),
		"${env:A}":            "",
		"x${file:/run/a}":     "",
		"${file:/a}x":         "",
		"${file:/a}${file:b}": "",
		"$${file:/run/a}":     "",
	} {
		got := config.NewSecret(template).File()
		if got != want && abs(got) != want {
			t.Errorf("%s: %q, want %q", template, got, want)
		}
	}
}
