package tests

import (
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/tests/fakes/idptest"
)

func TestP1NeverADeadTokenByAnyDoor(t *testing.T) {
	for name, open := range doors {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(time.Hour), idptest.Fail(messages.ClassTransient))
				w := begin(t, idp, setup{})
				tok := w.token(billing)

				justBefore(tok.ExpiresAt)
				got, err := open(t.Context(), w, billing)
				if err != nil || got != tok.Fingerprint {
					t.Fatalf("a nanosecond before expiry: %q, %v", got, err)
				}
				for _, after := range []time.Duration{0, time.Nanosecond, time.Second, time.Hour} {
					until(tok.ExpiresAt.Add(after))
					if got, err := open(t.Context(), w, billing); err == nil {
						t.Fatalf("%v after expiry: the token %q", after, got)
					}
				}
			})
		})
	}
}

// In these tests the token lives for two hours and the clock is stepped half an
// hour after its birth.
const (
	stepLife = 2 * time.Hour
	stepAt   = 30 * time.Minute
)

func TestP1NeverADeadTokenByEitherClock(t *testing.T) {
	tests := map[string]struct{ step, dies time.Duration }{
		"an hour forward ends it an hour early":  {time.Hour, time.Hour},
		"half an hour forward, half an hour":     {30 * time.Minute, 90 * time.Minute},
		"a nanosecond forward, a nanosecond":     {time.Nanosecond, stepLife - time.Nanosecond},
		"past its expiry ends it at once":        {3 * time.Hour, stepAt},
		"to its expiry ends it at once":          {90 * time.Minute, stepAt},
		"an hour back prolongs nothing":          {-time.Hour, stepLife},
		"a day back prolongs nothing":            {-24 * time.Hour, stepLife},
		"unstepped it lives as long as it lives": {0, stepLife},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, clock := idptest.New(), &steppable{}
				idp.Play(billing, idptest.Token(stepLife), idptest.Fail(messages.ClassTransient))
				w := begin(t, idp, setup{options: []system.Option{clock.option()}})
				w.token(billing)
				born := time.Now()

				pass(stepAt)
				clock.step(tc.step)
				if tc.dies > stepAt {
					justBefore(born.Add(tc.dies))
					w.token(billing)
				}
				until(born.Add(tc.dies))
				if expired, err := w.sys.Expired(billing); err != nil || !expired {
					t.Errorf("at its death: expired is %v, %v", expired, err)
				}
				for range 100 {
					if _, err := w.sys.Token(t.Context(), billing); err == nil {
						t.Fatalf("a dead token %v after its birth", time.Since(born))
					}
					pass(time.Minute)
				}
			})
		})
	}
}

func TestP1StepsAreSurvived(t *testing.T) {
	tests := map[string]struct{ step, from, to time.Duration }{
		"an hour forward brings the refresh an hour forward": {time.Hour, 36 * time.Minute, 40 * time.Minute},
		"an hour back leaves it":                             {-time.Hour, 96 * time.Minute, 100 * time.Minute},
		"past its expiry makes it at once":                   {3 * time.Hour, stepAt, stepAt},
		"past its refresh point makes it soon":               {75 * time.Minute, stepAt, stepAt},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, clock := idptest.New(), &steppable{}
				idp.Play(billing, idptest.Token(stepLife))
				w := begin(t, idp, setup{options: []system.Option{clock.option()}})
				born := time.Now()
				w.token(billing)
				pass(stepAt)
				clock.step(tc.step)
				for range int(4 * time.Hour / (5 * time.Second)) {
					checkAlive(w, clock)
					pass(5 * time.Second)
				}
				// Steps are noticed within 5 s, and planned for within 5 s more.
				second := idp.Calls(billing)[1].Sub(born)
				if second < tc.from || second > tc.to+10*time.Second {
					t.Errorf("refreshed %v after birth, want %v to %v", second, tc.from, tc.to)
				}
			})
		})
	}
}

// checkAlive fails the test if the token at hand is dead by either clock.
func checkAlive(w *world, clock *steppable) {
	w.Helper()
	tok := w.token(billing)
	if left := tok.ExpiresAt.Sub(clock.now()); left <= 0 {
		w.Fatalf("after %v: dead by the wall clock for %v", sinceStart(), -left)
	}
	for _, issue := range w.idp.Issued(billing) {
		if issue.Fingerprint == tok.Fingerprint && !time.Now().Before(issue.Expires) {
			w.Fatalf("after %v: dead since %v", sinceStart(), issue.Expires)
		}
	}
}

func TestP1AStepBeforeTheFirstTokenChangesNothing(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, clock := idptest.New(), &steppable{}
				idp.Play(billing, idptest.Token(stepLife), idptest.Fail(messages.ClassTransient))
				w := begin(t, idp, setup{options: []system.Option{clock.option()}})
				clock.step(step)
				tok := w.token(billing)
				if want := clock.now().Add(stepLife); !tok.ExpiresAt.Equal(want) {
					t.Errorf("expires at %v, want %v", tok.ExpiresAt, want)
				}
				pass(stepLife - time.Nanosecond)
				w.token(billing)
				pass(time.Nanosecond)
				w.refused(billing, messages.ErrUnavailable)
			})
		})
	}
}

func TestP1AStepWhileATokenIsOnItsWay(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour, 3 * time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, clock := idptest.New(), &steppable{}
				idp.Play(billing, idptest.After(5*time.Second, idptest.Token(stepLife)), idptest.Token(stepLife))
				w := begin(t, idp, setup{options: []system.Option{clock.option()}})
				go func() { _, _ = w.sys.Token(t.Context(), billing) }()
				pass(2 * time.Second)
				clock.step(step)
				pass(time.Minute)
				for range 1000 {
					checkAlive(w, clock)
					pass(10 * time.Second)
				}
			})
		})
	}
}

func TestP1AWrongClockAtTheIdPCancelsOut(t *testing.T) {
	for _, skew := range []time.Duration{0, 6 * time.Hour, -6 * time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Dated(time.Hour, skew), idptest.Fail(messages.ClassTransient))
				w := begin(t, idp, setup{})
				tok := w.token(billing)
				const life = time.Hour - time.Second // for the fraction that a Date has lost
				if got := tok.ExpiresAt.Sub(tok.CreatedAt); got != life {
					t.Errorf("lives for %v", got)
				}
				pass(life - time.Nanosecond)
				w.token(billing)
				pass(time.Nanosecond)
				w.refused(billing, messages.ErrUnavailable)
			})
		})
	}
}

func TestP1TheLifetimeRunsFromTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(8*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{})
		asked := time.Now()
		tok, err := w.sys.Token(t.Context(), billing)
		if err != nil {
			t.Fatal(err)
		}
		if !tok.CreatedAt.Equal(asked) || !tok.ExpiresAt.Equal(asked.Add(time.Hour)) {
			t.Errorf("asked at %v, lives from %v to %v", asked, tok.CreatedAt, tok.ExpiresAt)
		}
	})
}

func TestP1ATokenWithoutLifetimeNeedsADefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Bare())
		idp.Play("erp", idptest.Bare())
		w := begin(t, idp, setup{services: map[string]config.Service{
			billing: scripted(config.Settings{}),
			"erp":   scripted(config.Settings{DefaultTTL: new(20 * time.Minute)}),
		}})
		if e := w.refused(billing, messages.ErrInvalidResponse); e.Class != messages.ClassMalformed {
			t.Errorf("class %s", e.Class)
		}
		if tok := w.token("erp"); tok.ExpiresAt.Sub(tok.CreatedAt) != 20*time.Minute {
			t.Errorf("lives until %v", tok.ExpiresAt)
		}
	})
}

func TestP1ATokenWithoutExpiryStaysFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Immortal(), idptest.Fail(messages.ClassTransient))
		w := begin(t, idp, setup{})
		tok := w.token(billing)
		pass(10 * 24 * time.Hour)
		if again := w.token(billing); again.Fingerprint != tok.Fingerprint || !again.ExpiresAt.IsZero() {
			t.Errorf("%v, expires %v", again, again.ExpiresAt)
		}
		info := w.info(billing)
		if info.State != messages.StateFresh || !info.RefreshAt.IsZero() || !info.WarnAt.IsZero() || !info.ExpiresAt.IsZero() {
			t.Errorf("info %+v", info)
		}
		w.calls(billing, 1)
	})
}
