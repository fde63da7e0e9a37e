package tests

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// exits ends the goroutine that it is called on.
func exits(context.Context, idptest.Call) (provider.Result, error) {
	runtime.Goexit()
	return provider.Result{}, nil
}

// An IdP that is overloaded may say so in turns by 429 and by 500. What brings
// no token is one failure after the other, whatever it is called.
func TestFailuresOfAlternatingClassesBackOff(t *testing.T) {
	steady := failuresInAnHour(t, messages.ClassTransient)
	for _, other := range []string{messages.ClassThrottled, messages.ClassMalformed, messages.ClassPanic} {
		if mixed := failuresInAnHour(t, messages.ClassTransient, other); mixed > 2*steady {
			t.Errorf("in an hour: %d calls if all fail alike, %d if %s takes turns", steady, mixed, other)
		}
	}
}

// failuresInAnHour returns how often an IdP is asked that fails in these ways in
// turns.
func failuresInAnHour(t *testing.T, classes ...string) (calls int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, func(ctx context.Context, call idptest.Call) (provider.Result, error) {
			return idptest.Fail(classes[call.Number%len(classes)])(ctx, call)
		})
		begin(t, idp, setup{services: map[string]config.Service{billing: scripted(config.Settings{Eager: new(true)})}})
		pass(time.Hour)
		calls = idp.Count(billing)
	})
	return calls
}

// Nobody means a nanosecond, though some IdPs say "Retry-After: 0".
func TestAnIdPThatSaysToComeBackAtOnceIsNotStormed(t *testing.T) {
	for _, wait := range []time.Duration{-time.Second, time.Nanosecond} {
		t.Run(wait.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Throttle(messages.ClassThrottled, wait))
				w := begin(t, idp, setup{})
				w.refused(billing, messages.ErrUnavailable)
				pass(100*time.Millisecond - time.Nanosecond)
				w.calls(billing, 1)
				pass(10 * time.Second)
				if n := idp.Count(billing); n < 2 || n > 102 {
					t.Errorf("%d calls in ten seconds", n)
				}
			})
		})
	}
}

// A refresh that failed long before its time is tried again at the refresh point,
// and at the new one when that moves.
func TestAnEarlierRefreshPointCountsAfterAFailureToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Hour), idptest.Fail(messages.ClassTransient), idptest.Token(time.Hour))
		w := begin(t, idp, setup{})
		w.token(billing)
		pass(2 * time.Second)
		wantError(t, w.sys.Refresh(t.Context(), billing), messages.ErrUnavailable)
		before := w.info(billing).RefreshAt
		w.apply(func(s map[string]config.Service) {
			s[billing] = scripted(config.Settings{RefreshThreshold: new(25 * time.Minute)})
		})
		after := w.info(billing)
		if !after.RefreshAt.Before(before) || !after.LastError.NextTry.Equal(after.RefreshAt) {
			t.Errorf("refresh at %v, then at %v, next try %v", before, after.RefreshAt, after.LastError.NextTry)
		}
		justBefore(after.RefreshAt)
		w.calls(billing, 2)
		pass(time.Nanosecond)
		w.calls(billing, 3)
	})
}

// Whoever reports the refused token once more, while nothing can be acquired,
// need not wait to hear that it is given up already; nor does he take a place.
func TestP8InvalidationInBackOffIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Hour), idptest.Fail(messages.ClassRejected))
		w := begin(t, idp, setup{limits: config.Limits{WaitersPerService: 5}})
		tok := w.token(billing)
		pass(2 * time.Minute)
		for range 10 {
			w.atOnce("Invalidate", func() {
				if gone, err := w.sys.Invalidate(t.Context(), billing, tok.Fingerprint); err != nil || !gone {
					t.Errorf("%v, %v", gone, err)
				}
			})
		}
		w.calls(billing, 2)
		wantError(t, w.sys.Refresh(t.Context(), billing), messages.ErrRejected)
	})
}
