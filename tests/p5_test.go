package tests

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

func TestP5ASlowServiceDelaysNoOther(t *testing.T) {
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				services := map[string]config.Service{"fast": scripted(config.Settings{}), "cold": scripted(config.Settings{})}
				for i := range 40 {
					bad := fmt.Sprintf("bad%d", i)
					services[bad] = scripted(config.Settings{Eager: new(true)})
					idp.Play(bad, trouble)
				}
				w := begin(t, idp, setup{services: services, deaf: true})
				pass(time.Second)
				for range 600 {
					w.token("fast")
					pass(500 * time.Millisecond)
				}
				w.token("cold")
				w.calls("fast", 1)
			})
		})
	}
}

// hanging returns n services on one host that never answer, and "good" on the
// same host and "far" on another, which do.
func hanging(idp *idptest.Script, n int) map[string]config.Service {
	const host = "shared.idp.test:443"
	services := map[string]config.Service{
		"good": on(host, scripted(config.Settings{})),
		"far":  scripted(config.Settings{}),
	}
	for i := range n {
		name := fmt.Sprintf("hangs%d", i)
		services[name] = on(host, scripted(config.Settings{Eager: new(true)}))
		idp.Play(name, idptest.Hang())
	}
	return services
}

func TestP5OneHostIsAskedByThirtyTwoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		w := begin(t, idp, setup{services: hanging(idp, 40)})
		synctest.Wait()
		if got := idp.InFlight(); got != 32 {
			t.Errorf("%d in flight, want 32", got)
		}
		w.token("far")
		for range 600 {
			pass(time.Second)
			w.token("far")
			// A hanging service holds at most half the places once it has timed out.
			if got := idp.InFlight(); sinceStart() > 25*time.Second && got > 16 {
				t.Fatalf("after %v: %d in flight", sinceStart(), got)
			}
		}
		w.token("good")
		if all, _ := idp.Peak(); all != 33 {
			t.Errorf("at most %d in flight, want 32 and the one of another host", all-1)
		}
	})
}

func TestP5ATimeoutStartsWithThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		const host = "shared.idp.test:443"
		idp.Play("first", idptest.After(9*time.Second, idptest.Token(time.Hour)))
		idp.Play("second", idptest.After(9*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{
			limits: config.Limits{InFlightPerHost: 1},
			services: map[string]config.Service{
				"first": on(host, scripted(config.Settings{})), "second": on(host, scripted(config.Settings{})),
			},
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() { _, _ = w.sys.Token(ctx, "first") }()
		synctest.Wait()
		if _, err := w.sys.Token(ctx, "second"); err != nil {
			t.Fatal(err)
		}
		if took := sinceStart(); took != 18*time.Second {
			t.Errorf("took %v, want 18s", took)
		}
		w.calls("first", 1)
		w.calls("second", 1)
	})
}

func TestP5CallersGoBeforeBackgroundRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		const host = "shared.idp.test:443"
		release := make(chan struct{})
		services := map[string]config.Service{
			"holds":   on(host, scripted(config.Settings{Timeout: new(5 * time.Minute)})),
			"wanted":  on(host, scripted(config.Settings{})),
			"refresh": on(host, scripted(config.Settings{Eager: new(true)})),
			"too":     on(host, scripted(config.Settings{Eager: new(true)})),
		}
		idp.Play("holds", idptest.Hold(release, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{services: services, limits: config.Limits{InFlightPerHost: 1}})
		ask := func(name string) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_, _ = w.sys.Token(ctx, name)
		}
		until(bubbleStart.Add(hourRefreshFirst - 30*time.Second))
		go ask("holds")
		until(bubbleStart.Add(hourRefreshLast + 30*time.Second)) // both refreshes are due
		go ask("wanted")
		pass(30 * time.Second)
		close(release)
		pass(time.Minute)
		order := idp.Order()[2:] // without the two that were there from the start
		if len(order) != 4 || order[0] != "holds" || order[1] != "wanted" {
			t.Errorf("order %q", order)
		}
		if slices.Sort(order[2:]); !slices.Equal(order[2:], []string{"refresh", "too"}) {
			t.Errorf("order %q", order)
		}
	})
}

func TestP5APanicIsAFailureLikeAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(time.Second, idptest.Panic("text "+idptest.Canary)))
		w := begin(t, idp, setup{services: map[string]config.Service{
			billing: scripted(config.Settings{}), "erp": scripted(config.Settings{}),
		}})
		tape := w.tape()
		got := callers(1000, w.asking(t.Context()))
		w.token("erp")
		pass(time.Second)
		for range 1000 {
			e := wantError(t, (<-got).err, messages.ErrUnavailable)
			if e.Class != messages.ClassPanic || e.Attempts != 1 || e.NextTry.IsZero() {
				t.Fatalf("error %v", e)
			}
		}
		w.calls(billing, 1)
		w.token("erp")
		w.calls("erp", 1)
		if n := len(taped[*messages.ActorRestarted](tape)); n != 0 {
			t.Errorf("%d actors restarted", n)
		}
		idp.Play(billing, idptest.Token(time.Hour))
		until(w.info(billing).LastError.NextTry)
		w.token(billing)
		w.calls(billing, 2)
	})
}

func TestP5PanicsOfEveryKindAreSurvived(t *testing.T) {
	type private struct{ text string }
	kinds := map[string]any{
		"a text":           idptest.Canary,
		"an error":         fmt.Errorf("about %s", idptest.Canary),
		"a struct":         private{idptest.Canary},
		"a pointer":        &private{idptest.Canary},
		"a nil error":      error(nil),
		"a secret":         messages.NewSecret(idptest.Canary),
		"a slice of bytes": []byte(idptest.Canary),
	}
	for name, value := range kinds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Panic(value), idptest.Token(time.Hour))
				w := begin(t, idp, setup{})
				if e := w.refused(billing, messages.ErrUnavailable); e.Class != messages.ClassPanic {
					t.Errorf("class %s", e.Class)
				}
				pass(time.Second)
				w.token(billing)
			})
		})
	}
}
