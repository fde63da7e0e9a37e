package system

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
)

// trying returns a system with one service, whose provider is p.
func trying(t *testing.T, p provider.Func, settings config.Settings) *System {
	t.Helper()
	factory := func(string, map[string]any) (provider.Provider, error) { return p, nil }
	cfg := &config.Config{Services: map[string]config.Service{"a": {Provider: "scripted", Settings: settings}}}
	s := newSystem(t, cfg, WithProvider("scripted", factory))
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestATryTellsWhatATokenIsWorth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trying(t, func(context.Context, provider.Request) (provider.Result, error) {
			time.Sleep(3 * time.Second)
			return provider.Result{
				AccessToken: messages.NewSecret("token"), Lifetime: time.Hour, Scopes: []string{"read"},
				State: provider.NewState([]byte("refresh")), Lost: "log in anew",
			}, nil
		}, config.Settings{})
		born := time.Now().UTC()
		got, err := s.Try(t.Context(), "a")
		want := &Attempt{
			Service: "a", Provider: "scripted", Took: 3 * time.Second, Kept: true, Lost: "log in anew",
			Life: provider.Life{Expires: true, Length: time.Hour, Stated: time.Hour, Source: provider.SourceExpiresIn},
			Token: messages.TokenInfo{
				Service: "a", Provider: "scripted", State: messages.StateFresh, TokenType: "Bearer", Scopes: []string{"read"},
				Fingerprint: messages.Fingerprint("token"), CreatedAt: born, ExpiresAt: born.Add(time.Hour),
				RefreshAt: born.Add(45 * time.Minute), WarnAt: born.Add(55 * time.Minute), RefreshThreshold: 15 * time.Minute,
			},
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

func TestATryThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		provider      provider.Func
		class, reason string
	}{
		"by its provider": {func(context.Context, provider.Request) (provider.Result, error) {
			return provider.Result{}, &provider.Error{Class: messages.ClassRejected, Reason: "why"}
		}, messages.ClassRejected, "why"},
		"by a panic": {func(context.Context, provider.Request) (provider.Result, error) { panic("hush") }, messages.ClassPanic, ""},
		"by its timeout": {func(ctx context.Context, _ provider.Request) (provider.Result, error) {
			<-ctx.Done()
			return provider.Result{}, ctx.Err()
		}, messages.ClassTransient, provider.ReasonTimeout},
		"for want of a lifetime": {func(context.Context, provider.Request) (provider.Result, error) {
			return provider.Result{AccessToken: messages.NewSecret("token")}, nil
		}, messages.ClassMalformed, provider.ReasonNoLifetime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := trying(t, c.provider, config.Settings{Timeout: new(2 * time.Second)})
				began := time.Now()
				got, err := s.Try(t.Context(), "a")
				if err != nil || got.Failure == nil || got.Failure.Class != c.class || got.Failure.Reason != c.reason || got.Token.Fingerprint != "" {
					t.Fatalf("%+v, %v", got, err)
				}
				if took := time.Since(began); took != got.Took || took > 2*time.Second {
					t.Errorf("took %v, says %v", took, got.Took)
				}
			})
		})
	}
}

func TestATryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trying(t, func(ctx context.Context, _ provider.Request) (provider.Result, error) {
			<-ctx.Done()
			return provider.Result{}, ctx.Err()
		}, config.Settings{})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if got, err := s.Try(ctx, "a"); err != nil || got.Took != time.Second {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestATokenWithoutExpiryHasNoSchedule(t *testing.T) {
	s := newSystem(t, &config.Config{Services: map[string]config.Service{
		"a": {Provider: config.KindStatic, Static: &config.Static{Token: config.NewSecret("token")}},
	}})
	got, err := s.Try(t.Context(), "a")
	if err != nil || got.Failure != nil || !got.Token.ExpiresAt.IsZero() || !got.Token.RefreshAt.IsZero() || got.URL != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Try(t.Context(), "a"); !errors.Is(err, messages.ErrStopped) {
		t.Errorf("after Stop: %v", err)
	}
}

func TestNoTryBesideTheActors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSystem(t, services("a"))
		if _, err := s.Try(t.Context(), "b"); !errors.Is(err, messages.ErrUnknownService) {
			t.Errorf("an unknown service: %v", err)
		}
		start(t, s)
		if _, err := s.Try(t.Context(), "a"); !errors.Is(err, messages.ErrStopped) {
			t.Errorf("a running system: %v", err)
		}
	})
}
