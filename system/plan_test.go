package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
)

func staticServices(tokens map[string]string) *config.Config {
	cfg := &config.Config{Services: map[string]config.Service{}}
	for name, token := range tokens {
		cfg.Services[name] = config.Service{Provider: config.KindStatic, Static: &config.Static{Token: config.NewSecret(token)}}
	}
	return cfg
}

func started(t *testing.T, cfg *config.Config) *System {
	t.Helper()
	sys := newSystem(t, cfg)
	start(t, sys)
	return sys
}

func TestAPlanChangesNothingUntilItIsApplied(t *testing.T) {
	sys := started(t, staticServices(map[string]string{"a": "1", "b": "1"}))
	p, err := sys.Plan(t.Context(), staticServices(map[string]string{"b": "2", "c": "1", "d": "1"}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Changes(), (Changes{Added: 2, Removed: 1, Changed: 1}); got != want {
		t.Errorf("changes %+v, want %+v", got, want)
	}
	if _, err := sys.Token(t.Context(), "a"); err != nil {
		t.Errorf("before: %v", err)
	}
	if err := p.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := sys.Token(t.Context(), "a"); !errors.Is(err, messages.ErrUnknownService) {
		t.Errorf("after: %v", err)
	}
	if tok, err := sys.Token(t.Context(), "c"); err != nil || tok.Value() != "1" {
		t.Errorf("after: %v", err)
	}
}

func TestWhatElseChangesDoesSoBetweenTheServicesThatGoAndTheNewOnes(t *testing.T) {
	sys := started(t, staticServices(map[string]string{"gone": "1", "stays": "1", "changes": "1"}))
	p, err := sys.Plan(t.Context(), staticServices(map[string]string{"stays": "1", "changes": "2", "new": "1"}))
	if err != nil {
		t.Fatal(err)
	}
	known := func(want ...string) {
		t.Helper()
		var names []string
		for _, info := range sys.List() {
			names = append(names, info.Service)
		}
		if !slices.Equal(names, want) {
			t.Errorf("services %v, want %v", names, want)
		}
	}
	entered := 0
	if err := p.ApplyWith(t.Context(), func() {
		entered++
		known("changes", "stays")
		if _, err := sys.Token(t.Context(), "gone"); !errors.Is(err, messages.ErrUnknownService) {
			t.Errorf("a service that is gone: %v", err)
		}
		if tok, err := sys.Token(t.Context(), "changes"); err != nil || tok.Value() != "1" {
			t.Errorf("a service that changes: %v", err)
		}
	}); err != nil || entered != 1 {
		t.Errorf("entered %d times, %v", entered, err)
	}
	known("changes", "new", "stays")
}

func TestNothingElseChangesWithoutThePlan(t *testing.T) {
	sys := started(t, staticServices(map[string]string{"a": "1"}))
	p, err := sys.Plan(t.Context(), staticServices(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.ApplyWith(t.Context(), func() { t.Error("entered") }); !errors.Is(err, messages.ErrStopped) {
		t.Errorf("error %v", err)
	}
}

func TestAPlanIsMadeAnewForWhatHasChangedSince(t *testing.T) {
	sys := started(t, staticServices(map[string]string{"a": "1"}))
	cfg := staticServices(map[string]string{"a": "1", "b": "1"})
	p, err := sys.Plan(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.Apply(t.Context(), staticServices(map[string]string{"a": "2"})); err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Changes(), (Changes{Added: 1, Changed: 1}); got != want {
		t.Errorf("changes %+v, want %+v", got, want)
	}
	if got := sys.List(); len(got) != 2 {
		t.Errorf("services %v", got)
	}
}

func TestNoPlanComesOfMistakes(t *testing.T) {
	sys := started(t, staticServices(map[string]string{"a": "1"}))
	wrong := staticServices(map[string]string{"a": "1", "B": "1"})
	wrong.Vault.Memory = "plain"
	_, err := sys.Plan(t.Context(), wrong)
	if mistakes := config.Errors(err); len(mistakes) != 2 || mistakes[1].Path != "vault.memory" {
		t.Errorf("error %v", err)
	}
	if _, err := sys.Plan(t.Context(), nil); err == nil {
		t.Error("no configuration is one")
	}
}

func TestPlansEndWithTheSystem(t *testing.T) {
	sys := started(t, staticServices(map[string]string{"a": "1"}))
	p, err := sys.Plan(t.Context(), staticServices(nil))
	if err != nil {
		t.Fatal(err)
	}
	dead, cancel := context.WithCancel(t.Context())
	cancel()
	sys.applying <- struct{}{} // as while services are changed
	if _, err := sys.Plan(dead, staticServices(nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("plan: %v", err)
	}
	if err := p.Apply(dead); !errors.Is(err, context.Canceled) {
		t.Errorf("apply: %v", err)
	}
	sys.unlock()
	if err := sys.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := sys.Plan(t.Context(), staticServices(nil)); !errors.Is(err, messages.ErrStopped) {
		t.Errorf("plan after the end: %v", err)
	}
	if err := p.Apply(t.Context()); !errors.Is(err, messages.ErrStopped) {
		t.Errorf("apply after the end: %v", err)
	}
}

// Whoever has the node wait longer for an IdP that is slow must not have all services
// ask it at once.
func TestNoTokenIsAcquiredForAnotherConnectTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		factory := func(string, map[string]any) (provider.Provider, error) {
			made++
			number := fmt.Sprint(made)
			return provider.Func(func(context.Context, provider.Request) (provider.Result, error) {
				return provider.Result{AccessToken: messages.NewSecret(number), Lifetime: time.Hour}, nil
			}), nil
		}
		cfg := &config.Config{Services: map[string]config.Service{"a": {Provider: "counted", Settings: config.Settings{Eager: new(true)}}}}
		sys := newSystem(t, cfg, WithProvider("counted", factory))
		start(t, sys)
		has := func(want string) {
			t.Helper()
			synctest.Wait()
			if tok, err := sys.Token(t.Context(), "a"); err != nil || tok.Value() != want {
				t.Errorf("token %q, %v, want %q", tok.Value(), err, want)
			}
		}
		has("1")
		other := &config.Config{Services: cfg.Services, Defaults: config.Settings{ConnectTimeout: new(time.Second)}}
		if err := sys.Apply(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		has("1")
		if err := sys.Refresh(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		has("2") // by a provider that waits so long
	})
}
