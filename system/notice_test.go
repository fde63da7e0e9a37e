package system

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"tokend/config"
)

func refreshing() config.Service {
	return config.Service{Provider: config.KindRefreshToken, RefreshToken: &config.RefreshToken{
		OAuth:        config.OAuth{TokenURL: "https://idp.example/", ClientID: "probe", ClientAuth: config.AuthNone},
		RefreshToken: config.NewSecret("hush"),
	}}
}

func TestLoginsThatNothingKeepsAreToldOnce(t *testing.T) {
	const ten = "s00, s01, s02, s03, s04, s05, s06, s07, s08, s09"
	key := config.NewSecret(strings.Repeat("6b", 32))
	tests := map[string]struct {
		logins int
		vault  config.Vault
		want   string // what is named; empty: nothing is said
	}{
		"none":           {logins: 0},
		"one":            {logins: 1, want: "s00"},
		"ten":            {logins: 10, want: ten},
		"twelve":         {logins: 12, want: ten + " and 2 more"},
		"one that is":    {logins: 1, vault: config.Vault{Path: filepath.Join(t.TempDir(), "v", "tokens"), Keys: []config.Secret{key}}},
		"memory is none": {logins: 1, vault: config.Vault{Memory: "plain"}, want: "s00"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := services("other")
			cfg.Vault = tt.vault
			for i := range tt.logins {
				cfg.Services[fmt.Sprintf("s%02d", i)] = refreshing()
			}
			log, hook := test.NewNullLogger()
			s := newSystem(t, cfg, WithLogger(log))
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			var said []string
			for _, e := range hook.AllEntries() {
				if e.Level == logrus.WarnLevel && strings.Contains(e.Message, "vault.path") {
					said = append(said, fmt.Sprint(e.Data[fieldServices]))
				}
			}
			if got := strings.Join(said, "; "); got != tt.want {
				t.Errorf("named %q, want %q", got, tt.want)
			}
		})
	}
}

// How often a login is used says nothing about how the token is acquired.
func TestAnotherKeepAliveIsNoOtherProvider(t *testing.T) {
	with := func(text string) *config.Config {
		cfg, err := config.Parse([]byte(`services: {a: {provider: refresh_token, token_url: "https://idp.example/", client_id: a, client_auth: none, refresh_token: hush` + text + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	vault := config.Vault{Path: filepath.Join(t.TempDir(), "v", "tokens"), Keys: []config.Secret{config.NewSecret(strings.Repeat("6b", 32))}}
	for name, v := range map[string]config.Vault{"without a vault": {}, "with a vault": vault} {
		t.Run(name, func(t *testing.T) {
			first := with("")
			first.Vault = v
			s := newSystem(t, first)
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Stop(context.Background()) }()
			before := s.services.Load()
			for text, same := range map[string]bool{
				", keep_alive: 24h": true, ", keep_alive: 0s": true, ", keep_alive: 1h": true,
				`, fallback: {provider: client_credentials, token_url: "https://idp.example/", client_id: b, client_auth: none}`: false,
			} {
				cfg := with(text)
				cfg.Vault = v
				after, err := s.build(cfg, before)
				if err != nil {
					t.Fatal(err)
				}
				a, b := before.services["a"], after.services["a"]
				if (a.credential == b.credential) != same || (a.provider == b.provider) != same {
					t.Errorf("%s: credentials %d and %d", text, a.credential, b.credential)
				}
			}
			if got := before.services["a"].options(&s.gates).KeepAlive; got != config.DefaultKeepAlive {
				t.Errorf("keep-alive %v", got)
			}
		})
	}
}

func TestWhatIsWrongWithAFallbackHasItsPath(t *testing.T) {
	cfg := services()
	svc := refreshing()
	svc.RefreshToken.Fallback = &config.Fallback{Provider: config.KindJWTBearer, JWTBearer: &config.JWTBearer{
		OAuth: config.OAuth{TokenURL: "https://idp.example/"}, Assertion: config.Assertion{Key: config.NewSecret("no key")},
	}}
	cfg.Services["a"] = svc
	_, err := New(cfg)
	if found := config.Errors(err); len(found) != 1 || found[0].Path != "services.a.fallback.assertion.key" {
		t.Errorf("err = %v", err)
	}
}

func TestLoginsThatAreNewAreToldToo(t *testing.T) {
	log, hook := test.NewNullLogger()
	s := newSystem(t, services("other"), WithLogger(log))
	start(t, s)
	cfg := services("other")
	for _, name := range []string{"a", "b"} {
		cfg.Services[name] = refreshing()
		for range 2 {
			if err := s.Apply(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
		}
	}
	var said []string
	for _, e := range hook.AllEntries() {
		if strings.Contains(e.Message, "vault.path") {
			said = append(said, fmt.Sprint(e.Data[fieldServices]))
		}
	}
	if got := strings.Join(said, "; "); got != "a; b" {
		t.Errorf("named %q", got)
	}
}
