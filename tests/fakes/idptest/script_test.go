package idptest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

func acquire(t *testing.T, idp *idptest.Script, service string) (provider.Result, error) {
	t.Helper()
	p, err := idp.Provider(service, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return p.Acquire(ctx, provider.Request{Service: service})
}

func TestScriptPlaysItsStepsAndKeepsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play("a", idptest.Fail(messages.ClassRejected), idptest.Token(time.Minute))
		_, err := acquire(t, idp, "a")
		if failure, ok := errors.AsType[*provider.Error](err); !ok || failure.Class != messages.ClassRejected {
			t.Errorf("the first call: %v", err)
		}
		first, _ := acquire(t, idp, "a")
		second, _ := acquire(t, idp, "a")
		if first.Lifetime != time.Minute || first.AccessToken.Reveal() == second.AccessToken.Reveal() {
			t.Error("the last step was not repeated with a new token")
		}
		if !strings.Contains(first.AccessToken.Reveal(), idptest.Canary) {
			t.Error("a token without canary")
		}
		if idp.Count("a") != 3 || idp.Count("b") != 0 || len(idp.Calls("a")) != 3 || len(idp.Issued("a")) != 2 {
			t.Errorf("counted %d, %d calls", idp.Count("a"), idp.Count("b"))
		}
	})
}

func TestScriptStepsTakeTheirTime(t *testing.T) {
	released := make(chan struct{})
	close(released)
	tests := map[string]struct {
		step idptest.Step
		want time.Duration
		fail bool
	}{
		"a token comes at once":            {idptest.Token(time.Hour), 0, false},
		"a hanging call ends with its ctx": {idptest.Hang(), time.Minute, true},
		"a delay is waited for":            {idptest.After(5*time.Second, idptest.Token(time.Hour)), 5 * time.Second, false},
		"a long delay ends with its ctx":   {idptest.After(time.Hour, idptest.Token(time.Hour)), time.Minute, true},
		"the deaf hear no ctx":             {idptest.Deaf(time.Hour, idptest.Token(time.Hour)), time.Hour, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play("a", tc.step)
				start := time.Now()
				_, err := acquire(t, idp, "a")
				if took := time.Since(start); took != tc.want || (err != nil) != tc.fail {
					t.Errorf("took %v, want %v, error %v", took, tc.want, err)
				}
			})
		})
	}
}

func TestScriptCountsWhatRunsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		release := make(chan struct{})
		var calls sync.WaitGroup
		for _, service := range []string{"a", "a", "b"} {
			idp.Play(service, idptest.Hold(release, idptest.Token(time.Hour)))
			calls.Go(func() { _, _ = acquire(t, idp, service) })
		}
		synctest.Wait()
		if idp.InFlight() != 3 || len(idp.Order()) != 3 {
			t.Errorf("%d in flight", idp.InFlight())
		}
		close(release)
		calls.Wait()
		if all, one := idp.Peak(); all != 3 || one != 2 || idp.InFlight() != 0 {
			t.Errorf("peaks %d and %d", all, one)
		}
	})
}

func TestCachedBringsOneTokenUntilItDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play("a", idptest.Cached(time.Hour))
		first, _ := acquire(t, idp, "a")
		time.Sleep(time.Hour - time.Nanosecond)
		again, _ := acquire(t, idp, "a")
		if again.AccessToken.Reveal() != first.AccessToken.Reveal() || again.Lifetime != time.Nanosecond {
			t.Errorf("another token, or one of %v", again.Lifetime)
		}
		time.Sleep(time.Nanosecond)
		if next, _ := acquire(t, idp, "a"); next.AccessToken.Reveal() == first.AccessToken.Reveal() || next.Lifetime != time.Hour {
			t.Error("a dead token came again")
		}
	})
}

func TestStepsSayOfALifetimeWhatTheyAreToSay(t *testing.T) {
	tests := map[string]struct {
		step idptest.Step
		want provider.Result // without its token
	}{
		"a token":                 {idptest.Token(time.Hour), provider.Result{Lifetime: time.Hour}},
		"one that never dies":     {idptest.Immortal(), provider.Result{NoExpiry: true}},
		"one that says nothing":   {idptest.Bare(), provider.Result{}},
		"one that is prolonged":   {idptest.Prolonged(time.Hour), provider.Result{Lifetime: time.Hour}},
		"one that is early":       {idptest.Early(time.Hour, time.Minute), provider.Result{Lifetime: time.Hour}},
		"one by a clock too fast": {idptest.Dated(time.Hour, time.Minute), provider.Result{ExpiresAt: start.Add(61 * time.Minute), Date: start.Add(time.Minute)}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play("a", tc.step)
				got, err := acquire(t, idp, "a")
				if err != nil || got.AccessToken.IsZero() {
					t.Fatalf("no token: %v", err)
				}
				if got.Lifetime != tc.want.Lifetime || got.NoExpiry != tc.want.NoExpiry || !got.ExpiresAt.Equal(tc.want.ExpiresAt) || !got.Date.Equal(tc.want.Date) {
					t.Errorf("lifetime %v, expires %v by %v", got.Lifetime, got.ExpiresAt, got.Date)
				}
			})
		})
	}
}

// start is what a bubble's clock shows at first.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
