package token

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"tokend/actors/provider"
	"tokend/messages"
)

// early is a token of that life, opaque but for its claims, that is valid from then on.
func early(n int, life, from time.Duration) provider.Result {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	claims := fmt.Sprintf(`{"nbf":%d,"jti":%d}`, time.Now().Add(from).Unix(), n)
	return provider.Result{
		AccessToken: messages.NewSecret(part(`{"alg":"none"}`) + "." + part(claims) + ".sig"), Lifetime: life,
	}
}

// comesEarly has the IdP issue such tokens from the second on.
func (h *harness) comesEarly(life, from time.Duration) {
	h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
		if n == 1 {
			return issue(n, time.Hour), nil
		}
		return early(n, life, from), nil
	})
}

func notes(hook *test.Hook) (notes []string) {
	for _, e := range hook.AllEntries() {
		if note, ok := e.Data["note"].(string); ok {
			notes = append(notes, e.Level.String()+": "+note)
		}
	}
	return notes
}

// While an old token lives the new one waits until it is valid, for five minutes at the
// most, and no one notices that there is one.
func TestATokenThatIsNotValidYetWaits(t *testing.T) {
	tests := map[string]struct {
		life, from time.Duration
		want       time.Duration // from when it came until it is adopted
		early      time.Duration // how long it is still not valid then
	}{
		"in a second":                   {time.Hour, time.Second, time.Second, 0},
		"in 3 s":                        {15 * time.Minute, 3 * time.Second, 3 * time.Second, 0},
		"in 4 min":                      {time.Hour, 4 * time.Minute, 4 * time.Minute, 0},
		"in 5 min":                      {time.Hour, 5 * time.Minute, 5 * time.Minute, 0},
		"in 10 min":                     {time.Hour, 10 * time.Minute, 5 * time.Minute, 5 * time.Minute},
		"in an hour":                    {2 * time.Hour, time.Hour, 5 * time.Minute, 55 * time.Minute},
		"at its end":                    {15 * time.Minute, 15 * time.Minute, 5 * time.Minute, 10 * time.Minute},
		"at its end, which comes first": {time.Minute, time.Minute, 27 * time.Second, 33 * time.Second},
		"now":                           {time.Hour, 0, 0, 0},
		"long ago":                      {time.Hour, -time.Hour, 0, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var hook *test.Hook
			bubble(t, func(h *harness) {
				h.comesEarly(tc.life, tc.from)
				old := h.mustGet()
				h.at(10 * time.Minute)
				if err := h.refresh(); err != nil {
					h.Fatal(err)
				}
				if tc.want > 0 {
					h.stillOld(old, 10*time.Minute+tc.want)
					time.Sleep(time.Nanosecond)
					synctest.Wait()
				}
				tok, info := h.mustGet(), h.slot.Info()
				if tok.Fingerprint == old.Fingerprint || tok.Generation != 2 {
					h.Errorf("not adopted after %v: %v", tc.want, tok)
				}
				h.wantNames("token_acquired", "token_refreshed")
				if left := time.Until(info.NotBefore); tc.early > 0 && (left < tc.early-time.Second || left > tc.early) || tc.early == 0 && !info.NotBefore.IsZero() {
					h.Errorf("not before %v, which is in %v", info.NotBefore, left)
				}
				if said := len(notes(hook)) > 0; said != (tc.early > 0) {
					h.Errorf("logged %q", notes(hook))
				}
				if tc.early > 0 {
					time.Sleep(min(tc.early, time.Until(tok.ExpiresAt)-time.Second))
					if at := h.slot.Info().NotBefore; tc.early < tc.life/2 && !at.IsZero() && h.requests() == 2 {
						h.Errorf("it is valid now, and said not to be before %v", at)
					}
				}
			}, func(h *harness, _ *Options) { h.env.Log, hook = test.NewNullLogger() })
		})
	}
}

// stillOld fails the test unless the old token is the token in every respect until a
// nanosecond before then, whoever wants another.
func (h *harness) stillOld(old messages.Token, until time.Duration) {
	h.Helper()
	requests := h.requests()
	for _, at := range []time.Duration{0, (until - time.Since(h.first())) / 2, until - time.Since(h.first()) - time.Nanosecond} {
		h.at(max(time.Since(h.first()), min(until-time.Nanosecond, 10*time.Minute+at)))
		tok, err := h.get(h.Context(), 59*time.Minute)
		if err != nil || tok.Fingerprint != old.Fingerprint || tok.Generation != old.Generation || !tok.ExpiresAt.Equal(old.ExpiresAt) {
			h.Errorf("after %v: %v, %v", time.Since(h.first()), tok, err)
		}
		if err := h.refresh(); err != nil {
			h.Error(err)
		}
		info := h.slot.Info()
		if info.State == messages.StateDegraded || info.LastError != nil || !info.NotBefore.IsZero() || info.Fingerprint != old.Fingerprint {
			h.Errorf("%+v", info)
		}
	}
	h.at(until - time.Nanosecond)
	h.wantNames("token_acquired")
	h.wantRequests(requests)
}

// Without an old token it is served at once, with a hint.
func TestATokenThatIsNotValidYetServesWhereThereIsNoOther(t *testing.T) {
	for name, from := range map[string]time.Duration{"3 s": 3 * time.Second, "4 min": 4 * time.Minute, "1 h": time.Hour, "its end": 2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			var hook *test.Hook
			bubble(t, func(h *harness) {
				h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
					return early(n, 2*time.Hour, from), nil
				})
				tok := h.mustGet()
				if at := h.slot.Info().NotBefore; !at.Equal(tok.CreatedAt.Add(from)) {
					h.Errorf("not before %v, want %v", at, tok.CreatedAt.Add(from))
				}
				if got := notes(hook); len(got) != 1 || !strings.Contains(got[0], "warning: ") || !strings.Contains(got[0], "nbf") {
					h.Errorf("logged %q", got)
				}
				h.at(min(from, time.Hour) - time.Nanosecond)
				if from < 2*time.Hour && h.slot.Info().NotBefore.IsZero() {
					h.Error("said to be valid a nanosecond too early")
				}
				if from < 2*time.Hour {
					time.Sleep(time.Nanosecond)
					if at := h.slot.Info().NotBefore; !at.IsZero() {
						h.Errorf("not before %v", at)
					}
				}
				h.wantNames("token_acquired")
			}, func(h *harness, _ *Options) { h.env.Log, hook = test.NewNullLogger() })
		})
	}
}

func TestATokenThatWaitsStepsIn(t *testing.T) {
	tests := map[string]struct {
		when func(h *harness, old messages.Token)
		want []string
	}{
		"when the old one dies": {func(h *harness, old messages.Token) {
			h.at(time.Hour - time.Nanosecond)
			if tok := h.mustGet(); tok.Fingerprint != old.Fingerprint {
				h.Errorf("too early: %v", tok)
			}
			time.Sleep(time.Nanosecond)
		}, []string{"token_acquired", "token_refreshed"}},
		"when the old one is refused": {func(h *harness, old messages.Token) {
			if !h.invalidate(old.Fingerprint) {
				h.Error("not invalidated")
			}
		}, []string{"token_acquired", "token_invalidated", "token_acquired"}},
		"when whatever there is is refused": {func(h *harness, _ messages.Token) {
			if !h.invalidate("") {
				h.Error("not invalidated")
			}
		}, []string{"token_acquired", "token_invalidated", "token_acquired"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.comesEarly(time.Hour, 4*time.Minute)
				old := h.mustGet()
				h.at(58 * time.Minute) // trouble so far
				tc.when(h, old)
				tok := h.mustGet()
				if tok.Fingerprint == old.Fingerprint || tok.Generation != 2 {
					h.Errorf("%v", tok)
				}
				if h.slot.Info().NotBefore.IsZero() {
					h.Error("said to be valid")
				}
				h.wantNames(tc.want...)
				h.wantRequests(2)
			}, func(_ *harness, o *Options) { o.Policy.RefreshThreshold = 2*time.Minute + time.Second })
		})
	}
}

func TestATokenThatWaitsOutlivesACrashAndARestart(t *testing.T) {
	for name, tc := range map[string]struct {
		again func(*harness)
		late  time.Duration // how much later it may step in
	}{
		"a crash":                              {(*harness).crash, 0},
		"a restart":                            {(*harness).restart, 0},
		"several restarts":                     {func(h *harness) { h.restart(); time.Sleep(time.Second); h.restart(); h.crash() }, 0},
		"a node that was down when it was due": {func(h *harness) { h.stop(); time.Sleep(10 * time.Minute); h.restarted() }, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.comesEarly(time.Hour, 4*time.Minute)
				old := h.mustGet()
				h.at(10 * time.Minute)
				if err := h.refresh(); err != nil {
					h.Fatal(err)
				}
				tc.again(h)
				if tc.late == 0 {
					h.stillOld(old, 14*time.Minute)
				}
				h.at(14*time.Minute + tc.late + 5*time.Second)
				tok := h.mustGet()
				if tok.Fingerprint == old.Fingerprint || tok.Generation != 2 || tok.Value() == "" {
					h.Errorf("%v", tok)
				}
				h.wantRequests(2)
				h.wantNames("token_acquired", "token_refreshed")
				h.at(45 * time.Minute)
				h.wantState(messages.StateFresh)
			})
		})
	}
}

// Another configuration is tried at once. What comes of it replaces the one that waits;
// if nothing does, that steps in all the same.
func TestATokenThatWaitsAndAnotherConfiguration(t *testing.T) {
	for name, fails := range map[string]bool{"which works": false, "which does not": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.comesEarly(time.Hour, 4*time.Minute)
				old := h.mustGet()
				h.at(10 * time.Minute)
				if err := h.refresh(); err != nil {
					h.Fatal(err)
				}
				waits := h.slot.state.Load().successor().held.token.Fingerprint
				if fails {
					h.failAs(messages.ClassTransient)
				} else {
					h.issues()
				}
				h.reconfigure()
				synctest.Wait()
				h.wantRequests(3)
				h.at(14*time.Minute - time.Nanosecond)
				if tok := h.mustGet(); (tok.Fingerprint == old.Fingerprint) != fails || tok.Fingerprint == waits {
					h.Errorf("%v", tok)
				}
				time.Sleep(time.Nanosecond)
				if tok := h.mustGet(); (tok.Fingerprint == waits) != fails {
					h.Errorf("%v", tok)
				}
				h.issues()
				h.at(20 * time.Minute)
				if tok := h.mustGet(); tok.Fingerprint == waits || tok.Fingerprint == old.Fingerprint {
					h.Errorf("the new configuration was not tried again: %v", tok)
				}
			})
		})
	}
}

// What came with the token is kept at once: a refresh token that was rotated is nowhere
// else.
func TestTheStateOfATokenThatWaitsIsKeptAtOnce(t *testing.T) {
	bubble(t, func(h *harness) {
		var told []string
		h.play(func(_ context.Context, n int, req provider.Request) (provider.Result, error) {
			told = append(told, string(req.Previous.Bytes()))
			res := early(n, time.Hour, 4*time.Minute)
			if n == 1 {
				res = issue(n, time.Hour)
			}
			res.State = provider.NewState(fmt.Append(nil, "state-", n))
			return res, nil
		})
		h.mustGet()
		h.at(10 * time.Minute)
		if err := h.refresh(); err != nil {
			h.Fatal(err)
		}
		h.restart()
		h.at(70 * time.Minute)
		h.mustGet()
		if want := []string{"", "state-1", "state-2"}; !slices.Equal(told[:3], want) {
			h.Errorf("told %q, want %q", told, want)
		}
	})
}

// A warning says that a token is not replaced in time. This one will be.
func TestNoWarningAboutATokenThatIsFollowed(t *testing.T) {
	for name, always := range map[string]bool{"unless it is wanted": true, "as usual": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.comesEarly(time.Hour, 4*time.Minute)
				h.mustGet()
				h.at(time.Hour)
				want := []string{"token_acquired", "token_refreshed"}
				if always {
					want = []string{"token_acquired", "token_expiring", "token_refreshed"}
				}
				h.wantNames(want...)
			}, func(_ *harness, o *Options) {
				o.Policy.RefreshThreshold, o.WarnAlways = 3*time.Minute, always
			})
		})
	}
}

// An IdP that is hours ahead is waited for as long as one that is minutes ahead, and
// told of once.
func TestAnIdPThatIsAlwaysAheadIsToldOfOnce(t *testing.T) {
	var hook *test.Hook
	bubble(t, func(h *harness) {
		h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			return early(n, time.Hour, 2*time.Hour), nil
		})
		h.mustGet()
		h.at(24 * time.Hour)
		if got := notes(hook); len(got) != 1 {
			h.Errorf("logged %q", got)
		}
		if n := h.requests(); n > 34 {
			h.Errorf("%d requests in a day", n)
		}
		if n := h.count("token_expired") + h.count("refresh_failed"); n > 0 {
			h.Errorf("published %q", h.names())
		}
	}, func(h *harness, _ *Options) { h.env.Log, hook = test.NewNullLogger() })
}

// A token of the configuration that counts waits: another process has nothing to ask for.
func TestP5ATokenOfTheNewConfigurationThatWaitsIsEnoughAfterARestart(t *testing.T) {
	bubble(t, func(h *harness) {
		h.comesEarly(time.Hour, 4*time.Minute)
		h.mustGet()
		h.at(time.Minute)
		h.adjust(func(o *Options) { o.Credential++ })
		synctest.Wait()
		h.wantRequests(2)
		h.again()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		h.wantRequests(2)
	})
}

// What is configured meanwhile counts for a token that waits, too.
func TestATokenThatWaitsIsPlannedAsConfiguredLater(t *testing.T) {
	bubble(t, func(h *harness) {
		h.comesEarly(time.Hour, 4*time.Minute)
		h.mustGet()
		if err := h.refresh(); err != nil {
			h.Fatal(err)
		}
		h.adjust(func(o *Options) { o.Policy.RefreshThreshold = 20 * time.Minute })
		h.at(5 * time.Minute)
		if info := h.slot.Info(); info.Generation != 2 || info.RefreshThreshold != 20*time.Minute {
			t.Errorf("generation %d, lead %v", info.Generation, info.RefreshThreshold)
		}
	})
}
