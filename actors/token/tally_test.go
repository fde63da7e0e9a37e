package token

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/messages"
)

func TestAttemptsAreCountedByClass(t *testing.T) {
	bubble(t, func(h *harness) {
		for range 3 {
			_, _ = h.get(h.Context(), 0)
			time.Sleep(time.Hour)
			synctest.Wait()
		}
		stats := h.slot.Stats()
		var sum uint64
		for _, n := range stats.Failures {
			sum += n
		}
		if stats.Failures[messages.ClassThrottled] != 1 || stats.Failures[messages.ClassTransient] != 1 || sum != stats.Counters.Failures {
			t.Errorf("failures %v of %d", stats.Failures, stats.Counters.Failures)
		}
		if stats.State != messages.StateFresh || stats.ExpiresAt.IsZero() || stats.Counters.Refreshes == 0 {
			t.Errorf("stats %+v", stats)
		}
	}, func(h *harness, _ *Options) {
		h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			switch n {
			case 1:
				return provider.Result{}, down(messages.ClassThrottled)
			case 2:
				return provider.Result{}, down("unheard of")
			default:
				return issue(n, 24*time.Hour), nil
			}
		}
	})
}

func TestTimingsAreKeptByKind(t *testing.T) {
	bubble(t, func(h *harness) {
		_ = h.mustGet()
		all := h.env.Timings.All()
		if len(all) != 1 || all[0].Kind != "test" || all[0].Sum != 100*time.Millisecond {
			t.Fatalf("timings %+v", all)
		}
		for i, n := range all[0].Buckets { // a bound belongs to its own bucket
			if want := map[bool]uint64{true: 1}[i == 3]; n != want {
				t.Errorf("bucket %d has %d", i, n)
			}
		}
		h.env.Timings.observe("test", time.Hour)
		if all = h.env.Timings.All(); all[0].Buckets[len(TimingBounds)] != 1 {
			t.Errorf("what takes longer than all bounds is in %v", all[0].Buckets)
		}
	}, func(h *harness, _ *Options) {
		h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			time.Sleep(100 * time.Millisecond)
			return issue(n, time.Hour), nil
		}
	})
}

func TestOthersSeeHowManyWait(t *testing.T) {
	var release chan struct{}
	bubble(t, func(h *harness) {
		answers := make(chan error, 3)
		for range 3 {
			go func() {
				_, err := h.get(h.Context(), 0)
				answers <- err
			}()
		}
		synctest.Wait()
		if got := h.slot.Stats().Waiting; got != 3 {
			t.Errorf("%d wait, want 3", got)
		}
		close(release)
		for range 3 {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
		if got := h.slot.Stats().Waiting; got != 0 {
			t.Errorf("%d wait, want none", got)
		}
	}, func(h *harness, _ *Options) {
		release = make(chan struct{})
		h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			<-release
			return issue(n, time.Hour), nil
		}
	})
}

func TestNobodyWaitsForAnActorThatCrashed(t *testing.T) {
	h := newHarness(t)
	k := &keeper{slot: h.slot, env: h.env}
	box := &inbox{reply: make(chan messages.Reply, 1)}
	k.waiting.add(h.env.Clock.Now(), &waiter{command: &messages.GetToken{}, inbox: box})
	k.showWaiting()
	k.Abandon()
	if got := h.slot.Stats().Waiting; got != 0 {
		t.Errorf("%d wait, want none", got)
	}
	if r := (<-box.reply).(*messages.TokenReply); !errors.Is(r.Err, messages.ErrUnavailable) {
		t.Errorf("the caller is told %v", r.Err)
	}
}

func TestRestartsAreCounted(t *testing.T) {
	h := newHarness(t)
	if stats := h.slot.Stats(); stats.Restarts != 0 || stats.Failures != nil {
		t.Errorf("before: %+v", stats)
	}
	h.slot.Up()
	h.slot.Up()
	if got := h.slot.Stats().Restarts; got != 2 {
		t.Errorf("%d restarts, want 2", got)
	}
}
