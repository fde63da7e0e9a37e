package system

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"tokend/config"
)

// household is a System with a vault, whose services are configured again and again.
type household struct {
	*testing.T
	*System
	ctx   context.Context
	idp   *told
	login string // file
	vault config.Vault
	heard *test.Hook
}

// newHousehold has an IdP that rotates the refresh tokens of the login "one".
func newHousehold(t *testing.T) *household {
	h := &household{T: t, idp: newTold(t), login: filepath.Join(t.TempDir(), "login")}
	h.idp.answers["one"] = `{"access_token":"at-1","expires_in":3600,"refresh_token":"one-b"}`
	h.idp.answers["one-b"] = `{"access_token":"at-2","expires_in":3600,"refresh_token":"one-c"}`
	h.idp.answers["one-c"] = `{"access_token":"at-3","expires_in":3600,"refresh_token":"one-d"}`
	h.idp.answers["two"] = `{"access_token":"at-9","expires_in":3600,"refresh_token":"two-b"}`
	h.vault = config.Vault{
		Path: filepath.Join(t.TempDir(), "vault"), Keys: []config.Secret{config.NewSecret(strings.Repeat("6b", 32))},
	}
	writeFile(t, h.login, "one")
	var cancel context.CancelFunc
	h.ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	h.begin(h.with())
	return h
}

func (h *household) begin(cfg *config.Config) {
	log, heard := test.NewNullLogger()
	h.System, h.heard = newSystem(h.T, cfg, WithLogger(log)), heard
	start(h.T, h.System)
}

// with returns the configuration with the service a, whose login is in the file.
func (h *household) with() *config.Config {
	cfg := h.without()
	cfg.Services["a"] = livingOn(h.idp.URL, h.login, nil)
	return cfg
}

// without returns the configuration without it.
func (h *household) without() *config.Config {
	return &config.Config{Vault: h.vault, Services: map[string]config.Service{
		"other": {Provider: config.KindStatic, Static: &config.Static{Token: config.NewSecret("static")}},
	}}
}

func (h *household) becomes(cfg *config.Config) {
	h.Helper()
	if err := h.Apply(h.ctx, cfg); err != nil {
		h.Fatal(err)
	}
}

func (h *household) gets(want string) {
	h.Helper()
	if tok, err := h.Token(h.ctx, "a"); err != nil || tok.Value() != want {
		h.Errorf("%v, %v, want %s", tok, err, want)
	}
}

func (h *household) refreshes() {
	h.Helper()
	if err := h.Refresh(h.ctx, "a"); err != nil {
		h.Error(err)
	}
}

// named reports whether the log tells that the login of a is kept.
func (h *household) named() bool {
	return slices.ContainsFunc(h.heard.AllEntries(), func(e *logrus.Entry) bool {
		return e.Level == logrus.WarnLevel && e.Data[fieldServices] == "a" &&
			strings.HasPrefix(e.Message, "vault: logins of services that are not configured are kept")
	})
}

// A reload with the wrong file must not cost a login, as a start with it does not.
func TestALoginOutlivesAReloadWithoutItsService(t *testing.T) {
	h := newHousehold(t)
	h.gets("at-1")
	h.becomes(h.without())
	if !h.named() {
		t.Error("the log does not say that the login is kept")
	}
	h.becomes(h.with())
	h.gets("at-1")
	h.refreshes()
	h.gets("at-2")
	h.idp.was(t, "one", "one-b")
}

func TestALoginOutlivesAReloadWithoutItsServiceAndARestart(t *testing.T) {
	h := newHousehold(t)
	h.gets("at-1")
	h.becomes(h.without())
	if err := h.Stop(h.ctx); err != nil {
		t.Fatal(err)
	}
	h.begin(h.with())
	h.refreshes()
	h.gets("at-2")
	h.idp.was(t, "one", "one-b")
}

// Somebody who logs in anew while the service is away must not get the old login back.
func TestAnotherLoginIsNotTakenForTheOneThatWasKept(t *testing.T) {
	h := newHousehold(t)
	h.gets("at-1")
	h.becomes(h.without())
	writeFile(t, h.login, "two")
	h.becomes(h.with())
	h.refreshes()
	h.gets("at-9")
	h.idp.was(t, "one", "two")
}

// A token of another client is not handed out, whatever became of the login.
func TestATokenOfAnotherConfigurationIsNotRevivedByAReload(t *testing.T) {
	h := newHousehold(t)
	h.gets("at-1")
	h.becomes(h.without())
	cfg := h.with()
	svc := cfg.Services["a"]
	svc.RefreshToken.ClientID = "somebody else"
	cfg.Services["a"] = svc
	h.becomes(cfg)
	h.gets("at-2") // acquired, by the login that is configured
	h.idp.was(t, "one", "one-b")
}

// A refresh that is under way when its service is removed brings the only refresh token
// that there is.
func TestALoginOutlivesARefreshThatItsRemovalCutsShort(t *testing.T) {
	for name, back := range map[string]string{"it comes back at once": "early", "it comes back later": "late"} {
		t.Run(name, func(t *testing.T) {
			h := newHousehold(t)
			h.gets("at-1")
			h.idp.hold["one-b"] = make(chan struct{})
			refreshed := make(chan error, 1)
			go func() { refreshed <- h.Refresh(h.ctx, "a") }()
			<-h.idp.here
			h.becomes(h.without())
			if err := <-refreshed; err == nil {
				t.Error("a refresh of nothing")
			}
			if back == "early" {
				h.becomes(h.with())
			}
			close(h.idp.hold["one-b"])
			h.flights.Wait()
			if back == "late" {
				h.becomes(h.with())
			}
			h.refreshes()
			h.gets("at-3")
			h.idp.was(t, "one", "one-b", "one-c")
		})
	}
}

// What is no login goes with its service, at once and for good.
func TestATokenDoesNotOutliveItsService(t *testing.T) {
	for name, after := range map[string]bool{"removed": false, "static now": true} {
		t.Run(name, func(t *testing.T) {
			h := newHousehold(t)
			cfg := h.without()
			cfg.Services["v"] = config.Service{Provider: "vending"}
			h.becomes(cfg)
			if _, err := h.Token(h.ctx, "v"); err != nil {
				t.Fatal(err)
			}
			cfg = h.without()
			if after {
				cfg.Services["v"] = cfg.Services["other"]
			}
			h.becomes(cfg)
			if err := h.Stop(h.ctx); err != nil {
				t.Fatal(err)
			}
			entries, err := InspectVault(cfg)
			if err != nil || len(entries) > 0 || h.named() {
				t.Errorf("%+v, %v, %v", entries, err, h.named())
			}
		})
	}
}

// What cannot be looked at now is looked at when services change next.
func TestWhatCannotBeForgottenIsTriedAgain(t *testing.T) {
	h := newHousehold(t)
	h.gets("at-1")
	if err := h.store.Load().Close(); err != nil {
		t.Fatal(err)
	}
	h.becomes(h.without())
	const text = "vault: what was kept of services that are no longer configured is not forgotten yet"
	if !slices.ContainsFunc(h.heard.AllEntries(), func(e *logrus.Entry) bool { return e.Level == logrus.ErrorLevel && e.Message == text }) {
		t.Error("the log does not say so")
	}
	if !h.leftovers {
		t.Error("it is not tried again")
	}
}

// losses counts how often somebody was told that the login of a is lost.
func (h *household) losses() (n int) {
	for _, e := range h.heard.AllEntries() {
		if e.Data[fieldEvent] == "login_lost" && e.Data[fieldService] == "a" {
			n++
		}
	}
	return n
}

// What an acquisition of before has brought must not come back in place of what is
// found out later, in this process or in the next.
func TestALoginThatIsLostAfterItsServiceCameBackIsToldOnce(t *testing.T) {
	for name, early := range map[string]bool{"it comes back at once": true, "it comes back later": false} {
		t.Run(name, func(t *testing.T) {
			h := newHousehold(t)
			h.gets("at-1")
			h.idp.hold["one-b"] = make(chan struct{})
			refreshed := make(chan error, 1)
			go func() { refreshed <- h.Refresh(h.ctx, "a") }()
			<-h.idp.here
			h.becomes(h.without())
			<-refreshed
			if early {
				h.becomes(h.with())
			}
			h.idp.mu.Lock()
			clear(h.idp.answers)
			h.idp.mu.Unlock()
			close(h.idp.hold["one-b"])
			h.flights.Wait()
			if !early {
				if err := h.store.Load().Flush(h.ctx); err != nil {
					t.Fatal(err)
				}
				h.becomes(h.with())
			}
			_, shown := h.Refresh(h.ctx, "a"), []string{"one", "one-b", "one-c", "one-b"}
			h.idp.was(t, shown...)
			_ = h.Refresh(h.ctx, "a")
			h.idp.was(t, append(shown, "one-c")...) // the one before it is given up
			if err := h.Stop(h.ctx); err != nil {
				t.Fatal(err)
			}
			told := h.losses()
			h.begin(h.with())
			_ = h.Refresh(h.ctx, "a")
			if err := h.Stop(h.ctx); err != nil {
				t.Fatal(err)
			}
			if told += h.losses(); told != 1 {
				t.Errorf("told %d times", told)
			}
		})
	}
}
