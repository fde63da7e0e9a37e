package tests

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// A service that is removed leaves its acquisition in the air. One of the same
// name that comes back waits for it: it may be about to use up what only one of
// the two can have. So does one that comes back after that, and one that comes
// back after another has lost patience.
func TestP3RemovedAndAddedAgainThereIsOneFlight(t *testing.T) {
	tests := map[string]struct {
		deaf  time.Duration
		times int           // removed and added again
		pause time.Duration // between the times
	}{
		"once":                             {5 * time.Second, 1, 0},
		"three times at once":              {5 * time.Second, 3, 0},
		"three times one after the other":  {5 * time.Second, 3, time.Second},
		"longer than an attempt may take":  {15 * time.Second, 1, 0},
		"again after an attempt was tried": {15 * time.Second, 2, 12 * time.Second},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Deaf(tc.deaf, idptest.Token(time.Hour)), idptest.Token(time.Hour))
				w := begin(t, idp, setup{services: map[string]config.Service{billing: scripted(config.Settings{Eager: new(true)})}})
				synctest.Wait()
				for i := range tc.times {
					pass(time.Duration(min(i, 1)) * tc.pause)
					w.apply(withoutBilling)
					w.apply(func(map[string]config.Service) {})
				}
				justBefore(bubbleStart.Add(tc.deaf))
				w.calls(billing, 1)
				pass(time.Minute)
				w.calls(billing, 2)
				w.token(billing)
			})
		})
	}
}

// Here the acquisition that was left in the air ends as soon as it is told to,
// which is a moment after the service has come back.
func TestP3RemovedAndAddedAgainAtOnceThereIsOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{services: map[string]config.Service{billing: scripted(config.Settings{Eager: new(true)})}})
		for range 50 {
			for _, cfg := range []*config.Config{w.changed(withoutBilling), w.cfg} {
				if err := w.sys.Apply(t.Context(), cfg); err != nil {
					t.Fatal(err)
				}
			}
		}
		pass(2 * time.Second)
		w.token(billing)
	})
}

// The gate must not take the flight of the service that came back for the one
// that went, whose place is given back when it lands.
func TestP5RemovedAndAddedAgainAServiceDoesNotStarve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Hour), idptest.Deaf(time.Second, idptest.Token(time.Hour)), idptest.Token(time.Hour))
		w := begin(t, idp, setup{})
		w.token(billing)
		pass(time.Minute)
		_ = callers(1, func() (string, error) { return "", w.sys.Refresh(t.Context(), billing) })
		w.apply(withoutBilling)
		w.apply(func(map[string]config.Service) {})
		begin := time.Now()
		tok, err := w.sys.Token(t.Context(), billing)
		if took := time.Since(begin); err != nil || took > time.Second || tok.Generation != 1 {
			t.Errorf("%v, %v after %v", tok, err, took)
		}
	})
}

// A batch reads what it can have and waits for the rest. What it has read may die
// while it waits.
func TestP1ABatchHandsOutNothingThatDiedWhileItWaited(t *testing.T) {
	const life, wait = 20 * time.Second, 8 * time.Second
	batches := map[string]func(ctx context.Context, w *world) (map[string]messages.Token, error){
		"Tokens": func(ctx context.Context, w *world) (map[string]messages.Token, error) {
			tokens, err := w.sys.Tokens(ctx, billing, "erp")
			return tokens, err
		},
		"TokensByName": func(ctx context.Context, w *world) (map[string]messages.Token, error) {
			tokens, errs := w.sys.TokensByName(ctx, 0, billing, "erp")
			return tokens, errs[billing]
		},
		"GetTokens": func(_ context.Context, w *world) (map[string]messages.Token, error) {
			reply := ask[*messages.TokensReply](w, &messages.GetTokens{Services: []string{billing, "erp"}})
			return reply.Tokens, reply.Errs[billing]
		},
	}
	for name, batch := range batches {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(life), idptest.Fail(messages.ClassRejected))
				idp.Play("erp", idptest.After(wait, idptest.Token(time.Hour)))
				w := begin(t, idp, setup{services: map[string]config.Service{
					billing: scripted(config.Settings{}), "erp": scripted(config.Settings{}),
				}})
				w.token(billing)
				pass(life - 3*time.Second) // enough to be answered at once
				tokens, err := batch(t.Context(), w)
				if tok, ok := tokens[billing]; ok || !errors.Is(err, messages.ErrRejected) {
					t.Errorf("after %v: %v until %v, %v", sinceStart(), tok, tok.ExpiresAt, err)
				}
				if _, ok := tokens["erp"]; !ok {
					t.Error("the other is missing")
				}
			})
		})
	}
}

// Without an expiry there is no life whose quarter could bound an attempt.
func TestATokenWithoutExpiryIsRefreshedWithTheFullTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Immortal(), idptest.After(10*time.Second-time.Nanosecond, idptest.Immortal()))
		w := begin(t, idp, setup{})
		w.token(billing)
		pass(time.Minute)
		if err := w.sys.Refresh(t.Context(), billing); err != nil {
			t.Error(err)
		}
		pass(24 * time.Hour)
		w.state(billing, messages.StateFresh)
		w.calls(billing, 2)
	})
}

// runtime.Goexit ends the flight's goroutine, but not without an outcome.
func TestP5AProviderThatExitsItsGoroutineHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, exits, idptest.Token(time.Hour))
		w := begin(t, idp, setup{})
		if e := w.refused(billing, messages.ErrUnavailable); e.Class != messages.ClassPanic || e.NextTry.IsZero() {
			t.Errorf("%+v", e)
		}
		pass(time.Second)
		w.state(billing, messages.StateFresh)
	})
}

// An IdP that says each time that its one token lives for an hour is not believed: the
// earliest end that it has stated stays. It says itself that another one is to come.
func TestP1TheSameTokenThatIsSaidToLiveLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Prolonged(time.Hour))
		w := begin(t, idp, setup{})
		tape := w.tape()
		first := w.token(billing)
		for time.Until(first.ExpiresAt) > 0 {
			if tok := w.token(billing); tok.Generation != 1 || !tok.ExpiresAt.Equal(first.ExpiresAt) {
				t.Fatalf("%v until %v", tok, tok.ExpiresAt)
			}
			pass(10 * time.Second)
		}
		if n := idp.Count(billing); n > 6 {
			t.Errorf("%d acquisitions", n)
		}
		pass(time.Hour)
		if e := w.refused(billing, messages.ErrInvalidResponse); e.Class != messages.ClassMalformed {
			t.Errorf("%+v", e)
		}
		if n := len(taped[*messages.TokenExpired](tape)); n != 1 {
			t.Errorf("%d tokens expired", n)
		}
		idp.Play(billing, idptest.Token(time.Hour))
		pass(time.Minute)
		if tok := w.token(billing); tok.Generation != 2 || tok.Fingerprint == first.Fingerprint {
			t.Errorf("%v", tok)
		}
	})
}

// The token serves on, but not for longer than the IdP says now.
func TestP1TheSameTokenThatDiesEarlierThanItWasSaidTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Prolonged(time.Hour), idptest.Prolonged(time.Minute), idptest.Fail(messages.ClassTransient))
		w := begin(t, idp, setup{})
		old := w.token(billing)
		pass(5 * time.Minute)
		if err := w.sys.Refresh(t.Context(), billing); err != nil {
			t.Fatal(err)
		}
		tok := w.token(billing)
		if left := time.Until(tok.ExpiresAt); left != time.Minute || tok.Fingerprint != old.Fingerprint || tok.Generation != 1 {
			t.Errorf("%v lives for %v", tok, left)
		}
		pass(time.Minute)
		w.refused(billing, messages.ErrUnavailable)
	})
}
