package token

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/messages"
)

// failAs has the IdP fail with that class from now on.
func (h *harness) failAs(class string) {
	h.play(func(context.Context, int, provider.Request) (provider.Result, error) {
		return provider.Result{}, down(class)
	})
}

// issues has it issue tokens of an hour again.
func (h *harness) issues() {
	h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
		return issue(n, time.Hour), nil
	})
}

func (h *harness) wantSuspect(want bool) {
	h.Helper()
	info := h.slot.Info()
	if info.Suspect != want || want && info.State != messages.StateDegraded {
		h.Errorf("suspect is %v in state %s, want %v", info.Suspect, info.State, want)
	}
}

func TestWhatBecomesOfARefusedToken(t *testing.T) {
	tests := map[string]struct {
		outcome func(h *harness)
		invalid bool // what the caller is told
		state   string
		suspect bool
	}{
		"another token":  {(*harness).issues, true, messages.StateFresh, false},
		"transient":      {func(h *harness) { h.failAs(messages.ClassTransient) }, false, messages.StateDegraded, true},
		"throttled":      {func(h *harness) { h.failAs(messages.ClassThrottled) }, false, messages.StateDegraded, true},
		"malformed":      {func(h *harness) { h.failAs(messages.ClassMalformed) }, false, messages.StateDegraded, true},
		"ambiguous":      {func(h *harness) { h.failAs(messages.ClassAmbiguous) }, false, messages.StateDegraded, true},
		"rejected":       {func(h *harness) { h.failAs(messages.ClassRejected) }, true, messages.StateExpired, false},
		"the same token": {func(h *harness) { h.repeats("token-1", time.Hour) }, false, messages.StateFresh, false},
		"the same, dead": {func(h *harness) { h.repeats("token-1", -time.Second) }, true, messages.StateExpired, false},
		"another, dead":  {func(h *harness) { h.repeats("token-9", -time.Second) }, false, messages.StateDegraded, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				old := h.mustGet()
				h.at(10 * time.Minute)
				tc.outcome(h)
				if got := h.invalidate(old.Fingerprint); got != tc.invalid {
					h.Errorf("invalidated is %v", got)
				}
				h.wantState(tc.state)
				h.wantSuspect(tc.suspect)
				tok, err := h.get(h.Context(), 0)
				if served := err == nil && tok.Fingerprint == old.Fingerprint; served != (tc.suspect || name == "the same token") {
					h.Errorf("%v, %v", tok, err)
				}
				var cached messages.Token
				if got := h.slot.Cached(&cached, 0); got != (err == nil) || got && cached.State != tc.state {
					h.Errorf("cached: %v, %v", got, cached)
				}
				h.issues()
				h.at(15 * time.Minute)
				h.wantSuspect(false)
				if tok := h.mustGet(); (tok.Generation == 1) != (name == "the same token") || tok.State != messages.StateFresh {
					h.Errorf("%v", tok)
				}
			})
		})
	}
}

// repeats has the IdP hand out that token.
func (h *harness) repeats(text string, life time.Duration) {
	h.play(func(context.Context, int, provider.Request) (provider.Result, error) {
		return provider.Result{AccessToken: messages.NewSecret(text), Lifetime: life}, nil
	})
}

// A token that serves though it was refused is tried to replace by the back-off of
// trouble, not at its refresh point, and dies when its time has come.
func TestASuspectTokenIsReplacedSoonAndDiesInTime(t *testing.T) {
	bubble(t, func(h *harness) {
		old := h.mustGet()
		h.at(time.Minute)
		h.failAs(messages.ClassTransient)
		h.invalidate("")
		h.at(5 * time.Minute)
		if n := h.requests(); n < 6 || n > 20 {
			h.Errorf("%d requests at %v", n, h.offsets())
		}
		h.at(time.Hour - time.Nanosecond)
		if tok := h.mustGet(); tok.Fingerprint != old.Fingerprint {
			h.Errorf("%v", tok)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if tok, err := h.get(h.Context(), 0); err == nil {
			h.Errorf("dead: %v", tok)
		}
		h.wantSuspect(false)
		want := []string{"token_acquired", "token_invalidated", "token_expiring", "token_expired"}
		if got := slices.DeleteFunc(h.names(), func(name string) bool { return name == "refresh_failed" }); !slices.Equal(got, want) {
			h.Errorf("published %q, want %q", got, want)
		}
	})
}

// Reported in the middle of trouble it is not given up first.
func TestATokenThatIsReportedInABackOffServesOn(t *testing.T) {
	bubble(t, func(h *harness) {
		old := h.mustGet()
		h.at(10 * time.Minute)
		h.failAs(messages.ClassTransient)
		if err := h.refresh(); err == nil {
			h.Fatal("refreshed")
		}
		requests := h.requests()
		for range 3 {
			if h.invalidate(old.Fingerprint) {
				h.Error("invalidated")
			}
			h.wantSuspect(true)
		}
		h.wantRequests(requests)
		if h.count("token_invalidated") != 0 {
			h.Errorf("published %q", h.names())
		}
		h.failAs(messages.ClassRejected)
		h.at(15 * time.Minute)
		h.wantSuspect(false)
		h.wantState(messages.StateExpired)
		if h.count("token_invalidated") != 1 {
			h.Errorf("published %q", h.names())
		}
		if _, err := h.get(h.Context(), 0); err == nil {
			h.Error("a token")
		}
		h.failAs(messages.ClassTransient)
		h.at(45 * time.Minute) // trouble again: no one says now that the credentials are bad
		h.wantSuspect(true)
		h.mustGet()
	})
}

func TestAReportAboutAnotherTokenMakesNoneSuspect(t *testing.T) {
	bubble(t, func(h *harness) {
		old := h.mustGet()
		if err := h.refresh(); err != nil {
			h.Fatal(err)
		}
		h.failAs(messages.ClassTransient)
		for _, fingerprint := range []string{old.Fingerprint, "0123456789ab"} {
			if h.invalidate(fingerprint) {
				h.Error("invalidated")
			}
		}
		h.wantSuspect(false)
		h.wantRequests(2)
	})
}

func TestASuspectTokenOverACrashAndARestart(t *testing.T) {
	for name, again := range map[string]func(*harness){"a crash": (*harness).crash, "a restart": (*harness).restart} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				old := h.mustGet()
				h.at(10 * time.Minute)
				h.failAs(messages.ClassTransient)
				h.invalidate("")
				requests := h.requests()
				again(h)
				h.wantSuspect(true)
				if tok := h.mustGet(); tok.Fingerprint != old.Fingerprint || tok.Generation != 1 {
					h.Errorf("%v", tok)
				}
				h.wantRequests(requests)
				h.issues()
				h.at(12 * time.Minute)
				if tok := h.mustGet(); tok.Generation != 2 {
					h.Errorf("%v", tok)
				}
			})
		})
	}
}

// A process that ends in the middle of the attempt leaves it to the next one.
func TestASuspectTokenWhoseReplacementWasCutOffIsTriedByTheNextProcess(t *testing.T) {
	bubble(t, func(h *harness) {
		old := h.mustGet()
		h.at(10 * time.Minute)
		h.invalidate("") // the IdP stands by it
		h.at(12 * time.Minute)
		h.play(func(ctx context.Context, _ int, _ provider.Request) (provider.Result, error) {
			<-ctx.Done()
			return provider.Result{}, ctx.Err()
		})
		h.invalidate("")
		h.wantSuspect(true)
		synctest.Wait() // until the request is under way
		requests := h.requests()
		h.issues() // before it starts: how soon it tries is drawn
		h.restart()
		if tok := h.mustGet(); tok.Fingerprint != old.Fingerprint {
			h.Errorf("%v", tok)
		}
		time.Sleep(mostSpread)
		synctest.Wait()
		h.wantRequests(requests + 1)
		h.wantSuspect(false)
		if tok := h.mustGet(); tok.Fingerprint == old.Fingerprint {
			h.Errorf("%v", tok)
		}
	}, func(h *harness, _ *Options) { h.script = (&cache{life: time.Hour}).answer })
}

// A refused token that was given up is not served by the next process either, but it
// is known: the IdP may hand it out again, and say that it lives for longer.
func TestARefusedTokenOverARestart(t *testing.T) {
	bubble(t, func(h *harness) {
		old := h.mustGet()
		h.at(10 * time.Minute)
		h.failAs(messages.ClassRejected)
		h.invalidate("")
		h.restart()
		h.wantState(messages.StateExpired)
		h.repeats("token-1", 2*time.Hour)
		h.at(20 * time.Minute)
		if tok := h.mustGet(); tok.Fingerprint != old.Fingerprint || !tok.ExpiresAt.Equal(old.ExpiresAt) {
			h.Errorf("%v until %v", tok, tok.ExpiresAt)
		}
	})
}

// Another configuration is tried at once. The token serves meanwhile, as it did before.
func TestASuspectTokenServesWhileAnotherConfigurationIsTried(t *testing.T) {
	bubble(t, func(h *harness) {
		old := h.mustGet()
		h.at(10 * time.Minute)
		h.failAs(messages.ClassTransient)
		h.invalidate("")
		release := make(chan struct{})
		h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			<-release
			return issue(n, time.Hour), nil
		})
		h.reconfigure()
		synctest.Wait()
		if tok := h.mustGet(); tok.Fingerprint != old.Fingerprint {
			h.Errorf("%v", tok)
		}
		h.wantSuspect(true)
		close(release)
		synctest.Wait()
		h.wantState(messages.StateFresh)
		h.wantSuspect(false)
	})
}

// Refusals within seconds are one: none of them waited for the pause of the last.
func TestABurstOfRefusalsCountsOnceForThePace(t *testing.T) {
	for name, tc := range map[string]struct {
		gap   time.Duration
		pause time.Duration // of the next try, at last
	}{
		"at once":             {time.Second, 30 * time.Second},
		"within seconds":      {9 * time.Second, 30 * time.Second},
		"after a while":       {11 * time.Second, 2 * time.Minute},
		"each after a minute": {time.Minute, 4 * time.Minute}, // and those in between
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.failAs(messages.ClassRejected)
				for i := range 3 {
					if i > 0 {
						time.Sleep(tc.gap)
					}
					if err := h.refresh(); err == nil {
						h.Fatal("refreshed")
					}
				}
				failure := h.slot.Info().LastError
				if pause := failure.NextTry.Sub(failure.At); pause != tc.pause {
					h.Errorf("after %d attempts tried again in %v, want %v", failure.Attempts, pause, tc.pause)
				}
			})
		})
	}
}
