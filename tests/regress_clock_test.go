package tests

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/tests/fakes/idptest"
)

// A token that dies late and was replaced early has its warning behind that of
// its successor, and one without expiry has none. A timer that is armed for the
// wrong one of them fires again and again, and time stands still.
func TestWarningsOfMixedLifetimesComeWithoutSpinning(t *testing.T) {
	tests := map[string]struct {
		steps    []idptest.Step
		warnings int // within a day and a half
	}{
		"a long life before a short one":    {[]idptest.Step{idptest.Token(24 * time.Hour), idptest.Token(5 * time.Minute)}, 2},
		"a short life before a long one":    {[]idptest.Step{idptest.Token(5 * time.Minute), idptest.Token(24 * time.Hour)}, 2},
		"a token without expiry before one": {[]idptest.Step{idptest.Immortal(), idptest.Token(5 * time.Minute)}, 1},
		"a token without expiry after one":  {[]idptest.Step{idptest.Token(5 * time.Minute), idptest.Immortal()}, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, clock := idptest.New(), &frugal{}
				idp.Play(billing, append(tc.steps, idptest.Token(30*24*time.Hour))...)
				w := begin(t, idp, setup{
					services: map[string]config.Service{billing: scripted(config.Settings{WarnAlways: new(true)})},
					options:  []system.Option{system.WithClock(clock.now)},
				})
				tape := w.tape()
				w.token(billing)
				for range 2 {
					pass(2 * time.Second)
					if err := w.sys.Refresh(t.Context(), billing); err != nil {
						t.Fatal(err)
					}
				}
				clock.reads.Store(0)
				pass(36 * time.Hour)
				// 36 hours of the watcher alone are 26,000.
				if n := clock.reads.Load(); n > 30_000 {
					t.Errorf("the clock was read %d times", n)
				}
				if got := len(taped[*messages.TokenExpiring](tape)); got != tc.warnings {
					t.Errorf("%d warnings, want %d", got, tc.warnings)
				}
			})
		})
	}
}

// frugal is a wall clock that ends the test when it is read without end: no
// bubble ends while somebody in it is busy.
type frugal struct {
	steppable

	reads atomic.Int64
}

func (c *frugal) now() time.Time {
	if c.reads.Add(1) > 100_000 {
		panic("the clock is read without end")
	}
	return c.steppable.now()
}

// What was announced as expired must not be handed out again by a clock that
// says otherwise later: its real death would be the second.
func TestP1WhatExpiredStaysExpiredWhenTheClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, clock := idptest.New(), &steppable{}
		idp.Play(billing, idptest.Token(time.Hour), idptest.Fail(messages.ClassTransient))
		w := begin(t, idp, setup{options: []system.Option{clock.option()}})
		tape := w.tape()
		w.token(billing)
		clock.step(2 * time.Hour)
		pass(20 * time.Second)
		w.state(billing, messages.StateExpired)
		since := w.info(billing).Since

		clock.step(-2 * time.Hour)
		pass(20 * time.Second)
		w.state(billing, messages.StateExpired)
		for name, open := range doors {
			if _, err := open(t.Context(), w, billing); err == nil {
				t.Errorf("%s hands it out", name)
			}
		}
		pass(2 * time.Hour)
		if got := w.info(billing).Since; !got.Equal(since) {
			t.Errorf("expired since %v, then since %v", since, got)
		}
		if n := len(taped[*messages.TokenExpired](tape)); n != 1 {
			t.Errorf("%d TokenExpired", n)
		}
	})
}

// A clock that jumps kills the token before the actor's timer fires. What lands
// in between is news of a service without a token.
func TestP6ATokenThatTheClockKilledIsToldExpiredBeforeTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, clock := idptest.New(), &steppable{}
		idp.Play(billing, idptest.Token(time.Hour), idptest.After(time.Second, idptest.Token(24*time.Hour)))
		w := begin(t, idp, setup{options: []system.Option{clock.option()}})
		tape := w.tape()
		w.token(billing)
		pass(time.Minute)
		refreshed := callers(1, func() (string, error) { return "", w.sys.Refresh(t.Context(), billing) })
		clock.step(2 * time.Hour)
		pass(20 * time.Second)
		if o := <-refreshed; o.err != nil {
			t.Error(o.err)
		}
		if got, want := tape.names(), []string{"token_acquired", "token_expired", "token_acquired"}; !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
	})
}

// The time that an acquisition takes is measured by the monotonic clock.
func TestAStepOfTheClockInMidFlightFailsNothing(t *testing.T) {
	for _, step := range steps {
		t.Run(step.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, clock := idptest.New(), &steppable{}
				idp.Play(billing, idptest.After(9*time.Second, idptest.Token(time.Hour)))
				w := begin(t, idp, setup{options: []system.Option{clock.option()}})
				tape := w.tape()
				got := callers(1, w.asking(t.Context()))
				pass(time.Second)
				clock.step(step)
				pass(8 * time.Second)
				if o := <-got; o.err != nil || o.at.Sub(bubbleStart) != 9*time.Second {
					t.Errorf("after %v: %v", o.at.Sub(bubbleStart), o.err)
				}
				pass(20 * time.Second)
				checkAlive(w, clock)
				w.calls(billing, 1)
				if got, want := tape.names(), []string{"token_acquired"}; !slices.Equal(got, want) {
					t.Errorf("events %q, want %q", got, want)
				}
			})
		})
	}
}
