package token

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/messages"
)

// crashing makes the first n rolls of the dice panic. An actor rolls them for the
// first time when it takes a token up.
func crashing(n int) func(*harness, *Options) {
	return func(h *harness, _ *Options) {
		rolls := 0
		h.env.Roll = func() float64 {
			if rolls++; rolls <= n {
				panic("crash for the test")
			}
			return 0.5
		}
	}
}

// What a flight brought is not lost by a crash of the actor that takes it up:
// nothing else would ever land.
func TestALandingThatCrashesTheActorIsTriedAgain(t *testing.T) {
	for crashes := 1; crashes < maxLandings; crashes++ {
		bubble(t, func(h *harness) {
			ctx, cancel := context.WithTimeout(h.Context(), time.Millisecond)
			defer cancel()
			_, _ = h.get(ctx, 0) // those who wait are told by what is not here
			h.wantState(messages.StateFresh)
			h.wantRequests(1)
			if tok := h.mustGet(); tok.Value() != "token-1" || tok.Generation != 1 {
				t.Errorf("%d crashes: got %s, generation %d", crashes, tok.Value(), tok.Generation)
			}
		}, crashing(crashes))
	}
}

// What makes the actor crash again and again is a failure, and the next attempt
// may go well.
func TestALandingIsGivenUpAfterThreeCrashes(t *testing.T) {
	bubble(t, func(h *harness) {
		ctx, cancel := context.WithTimeout(h.Context(), time.Millisecond)
		defer cancel()
		_, _ = h.get(ctx, 0)
		f := h.slot.Info().LastError
		if f == nil || f.Class != messages.ClassPanic || f.Attempts != 1 || h.count("refresh_failed") != 1 {
			t.Fatalf("failure %+v, %d events", f, h.count("refresh_failed"))
		}
		_, err := h.get(h.Context(), 0)
		if !errors.Is(err, messages.ErrUnavailable) {
			t.Errorf("err = %v", err)
		}
		h.wantRequests(1)
		time.Sleep(time.Second)
		synctest.Wait()
		h.wantState(messages.StateFresh)
		h.wantRequests(2)
	}, crashing(maxLandings))
}

// The actor is away over the token's expiry, and what replaces it lands
// meanwhile. Those who listen hear of both, in the order in which it happened.
func TestWhatDiedWhileTheActorWasDownIsToldFirst(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		const lastChance = 13750 * time.Millisecond
		expiry := time.Now().Add(time.Hour)
		h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			if time.Until(expiry) > lastChance {
				return provider.Result{}, &provider.Error{Class: messages.ClassThrottled, RetryAfter: 2 * time.Hour}
			}
			time.Sleep(lastChance + 500*time.Millisecond)
			return issue(n, time.Hour), nil
		})
		time.Sleep(time.Hour - time.Second)
		h.system.Root.Stop(h.slot.PID())
		time.Sleep(2 * time.Second)
		h.start()
		var names []string
		for _, e := range h.events {
			if name := e.Name(); name == "token_acquired" || name == "token_expired" {
				names = append(names, name)
			}
		}
		if want := []string{"token_acquired", "token_expired", "token_acquired"}; !slices.Equal(names, want) {
			t.Errorf("events %q, want %q", names, want)
		}
		time.Sleep(2 * time.Second) // protoactor remembers dead letters for a second
	})
}

// A command may reach the actor between a change of its configuration and the
// message about that. It costs one attempt.
func TestAFlightTakesTheNewestConfiguration(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		time.Sleep(2 * time.Second)
		o := *h.slot.Options()
		o.Credential++
		var calls atomic.Int64
		o.Provider = provider.Func(func(context.Context, provider.Request) (provider.Result, error) {
			calls.Add(1)
			time.Sleep(time.Second)
			return provider.Result{AccessToken: messages.NewSecret("newest"), Lifetime: time.Hour}, nil
		})
		h.slot.Configure(&o)
		call := h.slot.Call(&messages.RefreshToken{Service: "billing"})
		synctest.Wait()
		h.system.Root.Send(h.slot.PID(), &Reconfigured{})
		if r := call.Wait(h.Context()).(*messages.TokenInfoReply); r.Err != nil || r.Info.Generation != 2 {
			t.Errorf("%+v, %v", r.Info, r.Err)
		}
		time.Sleep(10 * time.Second)
		if tok := h.mustGet(); tok.Value() != "newest" || tok.Generation != 2 {
			t.Errorf("got %s, generation %d", tok.Value(), tok.Generation)
		}
		if n := calls.Load(); n != 1 || h.requests() != 1 {
			t.Errorf("%d attempts, and %d with the old configuration", n, h.requests()-1)
		}
	})
}
