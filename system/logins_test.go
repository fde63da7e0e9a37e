package system

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"tokend/config"
	"tokend/messages"
)

// rotator is an IdP that replaces a refresh token in its answers, once it is told to.
type rotator struct {
	*httptest.Server
	rotates atomic.Bool
	asked   atomic.Int64
}

func newRotator(t *testing.T) *rotator {
	t.Helper()
	i := &rotator{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := i.asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		more := ""
		if i.rotates.Load() {
			more = fmt.Sprintf(`,"refresh_token":"r-%d"`, n)
		}
		_, _ = fmt.Fprintf(w, `{"access_token":"at-%d","expires_in":3600%s}`, n, more)
	}))
	t.Cleanup(i.Close)
	return i
}

// livesOn is a service that lives on that refresh token.
func livesOn(url, token string) config.Service {
	return config.Service{
		Provider:     config.KindRefreshToken,
		RefreshToken: &config.RefreshToken{OAuth: oauthAt(url), RefreshToken: config.NewSecret(token)},
	}
}

// lines returns how many lines of the log have that text.
func lines(hook *logtest.Hook, level logrus.Level, text string) (n int) {
	for _, e := range hook.AllEntries() {
		if e.Level == level && strings.HasPrefix(e.Message, text) {
			n++
		}
	}
	return n
}

func TestTheFirstOfTwoThatRotatesALoginStopsTheOther(t *testing.T) {
	idp := newRotator(t)
	log, hook := logtest.NewNullLogger()
	s := newSystem(t, &config.Config{Services: map[string]config.Service{
		"a": livesOn(idp.URL, "r3fresh"), "b": livesOn(idp.URL, "r3fresh"), "other": livesOn(idp.URL, "another"),
	}}, WithLogger(log))
	start(t, s)
	if n := lines(hook, logrus.WarnLevel, "services live on one refresh token"); n != 1 {
		t.Errorf("%d warnings at the start", n)
	}
	events := s.Subscribe(t.Context(), "b")
	for _, name := range []string{"a", "b"} {
		if _, err := s.Token(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	idp.rotates.Store(true)
	if err := s.Refresh(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	for e := range events {
		if lost, ok := e.(*messages.LoginLost); ok {
			if text := lost.Failure.Text; !strings.HasPrefix(text, "services b and a live on one refresh token") || lost.Failure.Class != messages.ClassRejected {
				t.Errorf("lost: %+v", lost.Failure)
			}
			break
		}
	}
	if tok, err := s.Token(t.Context(), "b"); err != nil || tok.State != messages.StateDegraded {
		t.Errorf("its token lives: %v, %v", tok.State, err)
	}
	if info, err := s.Info(t.Context(), "b"); err != nil || info.LastError == nil || !info.LastError.NextTry.IsZero() {
		t.Errorf("another attempt follows: %+v", info.LastError)
	}
	if n := lines(hook, logrus.ErrorLevel, "another service lives on the same refresh token"); n != 1 {
		t.Errorf("%d lines at error", n)
	}
	if n := idp.asked.Load(); n != 3 {
		t.Errorf("%d requests", n)
	}
}

func TestOneThatNobodyNeededFindsItsLoginSpent(t *testing.T) {
	idp := newRotator(t)
	idp.rotates.Store(true)
	log, hook := logtest.NewNullLogger()
	s := newSystem(t, &config.Config{Services: map[string]config.Service{
		"a": livesOn(idp.URL, "r3fresh"), "b": livesOn(idp.URL, "r3fresh"),
	}}, WithLogger(log))
	start(t, s)
	if _, err := s.Token(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if n := lines(hook, logrus.ErrorLevel, "another service lives on the same refresh token"); n != 1 {
		t.Errorf("%d lines at error", n)
	}
	if _, err := s.Token(t.Context(), "b"); !errors.Is(err, messages.ErrRejected) || !strings.Contains(err.Error(), "services b and a live on one refresh token") {
		t.Errorf("%v", err)
	}
	if n := idp.asked.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// What was used up in an earlier process is not sent in this one.
func TestASpentLoginIsKnownAfterARestart(t *testing.T) {
	idp := newRotator(t)
	idp.rotates.Store(true)
	cfg := &config.Config{
		Vault:    config.Vault{Path: t.TempDir() + "/v/vault.db", Keys: []config.Secret{config.NewSecret(strings.Repeat("0", 64))}},
		Services: map[string]config.Service{"a": livesOn(idp.URL, "r3fresh")},
	}
	one := newSystem(t, cfg)
	start(t, one)
	if _, err := one.Token(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := one.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	both := *cfg
	both.Services = map[string]config.Service{"a": cfg.Services["a"], "b": livesOn(idp.URL, "r3fresh")}
	next := newSystem(t, &both)
	start(t, next)
	if _, err := next.Token(t.Context(), "b"); !errors.Is(err, messages.ErrRejected) {
		t.Errorf("%v", err)
	}
	if n := idp.asked.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// A service that is renamed goes on with its login where the server lets it.
func TestARemovedServiceKeepsNoOtherFromItsLogin(t *testing.T) {
	idp := newRotator(t)
	idp.rotates.Store(true)
	s := newSystem(t, &config.Config{Services: map[string]config.Service{"a": livesOn(idp.URL, "r3fresh")}})
	start(t, s)
	if _, err := s.Token(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), &config.Config{Services: map[string]config.Service{"b": livesOn(idp.URL, "r3fresh")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Token(t.Context(), "b"); err != nil {
		t.Error(err)
	}
}
