package token

import (
	"context"
	"testing"
	"time"

	"tokend/actors/provider"
)

// A machine that slept while an answer lay there has not seen the token age: its
// monotonic clock stood still.
func TestP1ATokenAgesWhileTheMachineSleeps(t *testing.T) {
	var wall, asleep time.Duration
	bubble(t, func(h *harness) {
		h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			time.Sleep(time.Second)
			wall, asleep = 30*time.Minute, 30*time.Minute
			return issue(n, time.Hour), nil
		})
		begun := h.env.Clock.Now()
		h.mustGet()
		if got := h.slot.Info().ExpiresAt.Sub(begun.Time()); got != time.Hour {
			t.Errorf("lives for %s after it was asked for, want 1h", got)
		}
		h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			wall, asleep = wall+2*time.Hour, asleep+2*time.Hour
			return issue(n, time.Hour), nil
		})
		if err := h.refresh(); err == nil {
			t.Error("a token that died while the machine slept was taken")
		}
	}, func(h *harness, _ *Options) {
		h.env.Clock = NewClock(func() time.Time { return time.Now().Add(wall) })
		h.env.Clock.asleep = func() time.Duration { return asleep }
	})
}
