package main

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/system"
)

// startupSystem has the service quick, whose token takes a second, slow, whose
// takes 10 s, never, whose never comes, and lazy, which nobody asks.
func startupSystem(t *testing.T, names ...string) *system.System {
	t.Helper()
	took := map[string]time.Duration{"quick": time.Second, "slow": 9 * time.Second, "lazy": time.Second}
	factory := func(name string, _ map[string]any) (provider.Provider, error) {
		return provider.Func(func(ctx context.Context, _ provider.Request) (provider.Result, error) {
			time.Sleep(took[name])
			if took[name] == 0 {
				return provider.Result{}, &provider.Error{Class: messages.ClassRejected, Text: "no"}
			}
			return provider.Result{AccessToken: messages.NewSecret("x-" + name), Lifetime: time.Hour}, nil
		}), nil
	}
	cfg := &config.Config{Services: map[string]config.Service{
		"lazy":     {Provider: "startup"},
		"optional": {Provider: "startup", Settings: config.Settings{Eager: new(true), Required: new(false)}},
	}}
	for _, name := range names {
		cfg.Services[name] = config.Service{Provider: "startup", Settings: config.Settings{Eager: new(true)}}
	}
	sys, err := system.New(cfg, system.WithLogger(silent()), system.WithProvider("startup", factory))
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

func TestTheWaitForTokens(t *testing.T) {
	tests := map[string]struct {
		services []string
		timeout  time.Duration
		took     time.Duration
		missing  []string
	}{
		"ends with the slowest":           {[]string{"quick", "slow"}, 30 * time.Second, 9 * time.Second, nil},
		"ends when its time is up":        {[]string{"quick", "slow", "never"}, 5 * time.Second, 5 * time.Second, []string{"never", "slow"}},
		"is none without anybody to wait": {nil, 5 * time.Second, 0, nil},
		"ends exactly at its time":        {[]string{"never"}, time.Minute, time.Minute, []string{"never"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sys := startupSystem(t, tt.services...)
				last, begun := sys.LastEvent(), time.Now()
				if err := sys.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				missing, err := awaitTokens(t.Context(), sys, last, tt.timeout)
				if err != nil || !slices.Equal(missing, tt.missing) || time.Since(begun) != tt.took {
					t.Errorf("missing %q, error %v after %s; want %q after %s", missing, err, time.Since(begun), tt.missing, tt.took)
				}
				if err := sys.Stop(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestTheWaitForTokensEndsWithASignalOrTheSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := startupSystem(t, "never")
		last := sys.LastEvent()
		if err := sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := awaitTokens(ctx, sys, last, time.Minute); err == nil {
			t.Error("a signal ends it without saying so")
		}
		ended := make(chan error, 1)
		go func() {
			_, err := awaitTokens(t.Context(), sys, sys.LastEvent(), time.Minute)
			ended <- err
		}()
		synctest.Wait()
		if err := sys.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("the system's end: %v", err)
		}
	})
}

func TestLostEventsMeanToLookAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := startupSystem(t, "quick", "never")
		if err := sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		// 7 was never given out: what is kept, and a gap before it, is read.
		missing, err := awaitTokens(t.Context(), sys, 7, time.Second)
		if err != nil || !slices.Equal(missing, []string{"never"}) {
			t.Errorf("missing %q, error %v", missing, err)
		}
		if got := without(map[string]bool{"gone": true}, []messages.Entry{{ID: 1}}, sys); len(got) != 1 || !got["never"] {
			t.Errorf("after a gap: %v", got)
		}
		if err := sys.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestNotEveryMissingServiceIsNamed(t *testing.T) {
	many := map[string]bool{}
	for i := range 30 {
		many[fmt.Sprintf("s%02d", i)] = true
	}
	if names := named(many); len(names) != mostMissing+1 || names[0] != "s00" || names[mostMissing] != "…" {
		t.Errorf("named %q", names)
	}
}
