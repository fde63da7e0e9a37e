package tests

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// leads are how long before expiry refresh is due, by lifetime.
var leads = map[time.Duration]time.Duration{
	time.Second:         500 * time.Millisecond,
	10 * time.Second:    5 * time.Second,
	time.Minute:         30 * time.Second,
	5 * time.Minute:     75 * time.Second,
	time.Hour:           15 * time.Minute,
	24 * time.Hour:      72 * time.Minute,
	30 * 24 * time.Hour: 36 * time.Hour,
}

// lifetimes returns how many lives of such a token a test can afford to watch.
func lifetimes(life time.Duration) int {
	switch {
	case life > 24*time.Hour:
		return 1
	case life > time.Hour:
		return 3
	default:
		return 50
	}
}

func TestP4RefreshAheadOfTimeWithZeroCallers(t *testing.T) {
	for life, lead := range leads {
		t.Run(life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(life))
				w := begin(t, idp, setup{})
				tape := w.tape()
				w.token(billing) // once, and never again
				pass(time.Duration(lifetimes(life)) * life)

				calls := idp.Calls(billing)
				for i, at := range calls[1:] {
					if gap := at.Sub(calls[i]); gap < life-lead-lead/5 || gap > life-lead {
						t.Fatalf("token %d was replaced after %v of %v", i+1, gap, life)
					}
				}
				if covered := time.Since(calls[len(calls)-1]); covered > life-lead {
					t.Errorf("the last refresh was %v ago", covered)
				}
				if n := len(taped[*messages.TokenRefreshed](tape)); n != len(calls)-1 || len(tape.all()) != len(calls) {
					t.Errorf("%d calls, %d refreshes published, %d events", len(calls), n, len(tape.all()))
				}
			})
		})
	}
}

func TestP4ThereIsNoGap(t *testing.T) {
	for life := range leads {
		t.Run(life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				delay := min(life/10, 2*time.Second)
				idp.Play(billing, idptest.Token(life), idptest.After(delay, idptest.Token(life)))
				w := begin(t, idp, setup{})
				w.token(billing)
				for range lifetimes(life) * 97 {
					pass(life / 97)
					tok := w.token(billing)
					if !time.Now().Before(tok.ExpiresAt) || !messages.Living(tok.State) {
						t.Fatalf("after %v: dead, %s", sinceStart(), tok.State)
					}
					if expired, err := w.sys.Expired(billing); expired || err != nil {
						t.Fatalf("after %v: expired is %v, %v", sinceStart(), expired, err)
					}
				}
				if c := w.info(billing).Counters; c.Misses != 1 || c.Failures != 0 {
					t.Errorf("counters %+v", c)
				}
			})
		})
	}
}

func TestP4AServiceThatNobodyNeedsIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		pass(24 * time.Hour)
		w.calls(billing, 0)
		w.state(billing, messages.StateEmpty)
		if info := w.info(billing); info.Needed || info.Generation != 0 || !info.ExpiresAt.IsZero() {
			t.Errorf("info %+v", info)
		}
		w.ready(true)
		if expired, err := w.sys.Expired(billing); err != nil || !expired {
			t.Errorf("expired is %v, %v without a token", expired, err)
		}
	})
}

func TestP4AnEagerServiceIsThereFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(3*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{services: map[string]config.Service{billing: scripted(config.Settings{Eager: new(true)})}})
		synctest.Wait()
		w.calls(billing, 1)
		w.ready(false)
		pass(3 * time.Second)
		w.ready(true)
		w.token(billing)
		w.calls(billing, 1)
	})
}

func TestP4AnEagerServiceThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Fail(messages.ClassTransient))
		w := begin(t, idp, setup{services: map[string]config.Service{billing: scripted(config.Settings{Eager: new(true)})}})
		pass(10 * time.Minute)
		calls := idp.Calls(billing)
		for i, at := range calls[1:] {
			if gap := at.Sub(calls[i]); gap > 30*time.Second {
				t.Fatalf("try %d came %v after the one before", i+2, gap)
			}
		}
		if n := len(calls); n < 20 || n > 100 {
			t.Errorf("%d tries in ten minutes", n)
		}
		idp.Play(billing, idptest.Token(time.Hour))
		pass(30 * time.Second)
		w.token(billing)
	})
}

// TestP4EveryPlanIsInOrder looks at the plans of tokens of all lifetimes through
// the public door, and waits for what they promise.
func TestP4EveryPlanIsInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		life := time.Duration(rapid.Int64Range(int64(time.Second), int64(30*24*time.Hour)).Draw(rt, "life"))
		settings := config.Settings{
			RefreshThreshold: new(drawn(rt, "refresh_threshold", 40*24*time.Hour)),
			WarnBefore:       new(drawn(rt, "warn_before", 40*24*time.Hour)),
			Timeout:          new(drawn(rt, "timeout", time.Minute) + time.Second),
		}
		rapid.SyncTest(rt, func(*rapid.T) { checkPlan(t, rt, life, settings) })
	})
}

// drawn returns whole milliseconds, as people configure them.
func drawn(t *rapid.T, label string, limit time.Duration) time.Duration {
	return time.Duration(rapid.Int64Range(0, limit.Milliseconds()).Draw(t, label)) * time.Millisecond
}

func checkPlan(t *testing.T, rt *rapid.T, life time.Duration, settings config.Settings) {
	idp := idptest.New()
	idp.Play(billing, idptest.Token(life))
	w := prepare(t, idp, setup{services: map[string]config.Service{billing: scripted(settings)}})
	if err := w.sys.Start(context.Background()); err != nil {
		rt.Fatal(err)
	}
	defer func() { _ = w.sys.Stop(context.Background()) }()
	if _, err := w.sys.Token(context.Background(), billing); err != nil {
		rt.Fatal(err)
	}
	i := w.info(billing)
	due := i.ExpiresAt.Add(-i.RefreshThreshold)
	switch {
	case i.ExpiresAt.Sub(i.CreatedAt) != life:
		rt.Fatalf("lives from %v to %v", i.CreatedAt, i.ExpiresAt)
	case !i.RefreshAt.After(i.CreatedAt) || !i.RefreshAt.Before(i.WarnAt) || !i.WarnAt.Before(i.ExpiresAt):
		rt.Fatalf("refresh %v, warning %v, expiry %v", i.RefreshAt, i.WarnAt, i.ExpiresAt)
	case i.RefreshAt.After(due) || i.RefreshAt.Before(due.Add(-i.RefreshThreshold/5)):
		rt.Fatalf("refresh %v with a threshold of %v", i.RefreshAt, i.RefreshThreshold)
	}
}

func TestP4TheLeadIsWhatTheTableSays(t *testing.T) {
	warnings := map[time.Duration]time.Duration{
		time.Second: 200 * time.Millisecond, time.Minute: 12 * time.Second, 5 * time.Minute: time.Minute,
		time.Hour: 5 * time.Minute, 24 * time.Hour: 5 * time.Minute, 30 * 24 * time.Hour: 5 * time.Minute,
	}
	for life, warn := range warnings {
		t.Run(life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(life))
				w := begin(t, idp, setup{})
				w.token(billing)
				info := w.info(billing)
				if info.RefreshThreshold != leads[life] {
					t.Errorf("lead %v, want %v", info.RefreshThreshold, leads[life])
				}
				if got := info.ExpiresAt.Sub(info.WarnAt); got != warn {
					t.Errorf("warning %v before expiry, want %v", got, warn)
				}
			})
		})
	}
}

func TestP4JitterSpreadsServicesAndIsDrawnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		services := map[string]config.Service{}
		for i := range 50 {
			services[fmt.Sprintf("s%d", i)] = scripted(config.Settings{Eager: new(true)})
		}
		w := begin(t, idptest.New(), setup{services: services})
		synctest.Wait()
		points := map[time.Time]bool{}
		for name := range services {
			at := w.info(name).RefreshAt
			points[at] = true
			pass(time.Second)
			if again := w.info(name).RefreshAt; !again.Equal(at) {
				t.Errorf("%s: the refresh point moved from %v to %v", name, at, again)
			}
		}
		if len(points) < 40 {
			t.Errorf("50 services share %d refresh points", len(points))
		}
	})
}

func TestP4ThePreviousStateComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		var told []string
		say := func(state string) idptest.Step {
			return func(ctx context.Context, call idptest.Call) (provider.Result, error) {
				told = append(told, string(call.Previous.Bytes()))
				return idptest.Stateful(time.Hour, state)(ctx, call)
			}
		}
		idp.Play(billing, say("one"), say(""), say("two"))
		w := begin(t, idp, setup{})
		w.token(billing)
		pass(3 * time.Hour)
		if len(told) < 4 || told[0] != "" || told[1] != "one" || told[2] != "one" || told[3] != "two" {
			t.Errorf("told %q", told)
		}
	})
}

func TestP4AMixedWorkloadIsAnsweredFromMemory(t *testing.T) {
	const callers, services = 20, 10
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		configured := map[string]config.Service{}
		for i := range services {
			name := fmt.Sprintf("s%d", i)
			configured[name] = scripted(config.Settings{})
			idp.Play(name, idptest.After(300*time.Millisecond, idptest.Token(5*time.Minute)))
		}
		w := begin(t, idp, setup{services: configured})
		var all sync.WaitGroup
		for range callers {
			all.Go(func() { browse(w, services, 5*time.Hour) })
		}
		all.Wait()
		var hits, misses uint64
		for _, info := range w.sys.List() {
			hits, misses = hits+info.Counters.Hits, misses+info.Counters.Misses
		}
		if rate := float64(hits) / float64(hits+misses); rate <= 0.99 {
			t.Errorf("hit rate %.4f of %d", rate, hits+misses)
		}
	})
}

// browse asks for a token of any service every seven seconds or so.
func browse(w *world, services int, long time.Duration) {
	for end := time.Now().Add(long); time.Now().Before(end); {
		if _, err := w.sys.Token(w.Context(), fmt.Sprintf("s%d", rand.N(services))); err != nil {
			w.Errorf("after %v: %v", sinceStart(), err)
		}
		time.Sleep(rand.N(14 * time.Second))
	}
}

func TestP4ALateRefreshTokenIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		var told []string
		late := func(ctx context.Context, call idptest.Call) (provider.Result, error) {
			return idptest.Deaf(15*time.Second, idptest.Stateful(time.Hour, "rotated"))(ctx, call)
		}
		fails := func(ctx context.Context, call idptest.Call) (provider.Result, error) {
			told = append(told, string(call.Previous.Bytes()))
			return idptest.Fail(messages.ClassTransient)(ctx, call)
		}
		idp.Play(billing, late, fails)
		w := begin(t, idp, setup{deaf: true})
		_, _ = w.sys.Token(t.Context(), billing)
		pass(3 * time.Hour)
		if len(told) == 0 || told[len(told)-1] != "rotated" {
			t.Errorf("told %q", told)
		}
	})
}
