package token

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/messages"
)

// A process that was stopped finds the end of a flight passed, and of the wait for
// it, before the provider had a chance to look at the answer that is there.
func TestAFlightIsNotGivenUpForTheTimeInWhichTheProcessWasStopped(t *testing.T) {
	var answer chan struct{}
	bubble(t, func(h *harness) {
		call := h.slot.Call(&messages.GetToken{Service: "billing"})
		synctest.Wait()
		st := *h.slot.state.Load()
		st.flight.deadline = h.env.Clock.Now().AddElapsed(-time.Second) // as if all this had gone by
		h.slot.state.Store(&st)
		h.system.Root.Send(h.slot.PID(), &wake{})
		time.Sleep(2 * time.Second)
		if got := h.slot.state.Load().flight.phase; got != flying {
			t.Errorf("the flight was given up: phase %d", got)
		}
		close(answer)
		if r := call.Wait(h.Context()).(*messages.TokenReply); r.Err != nil {
			t.Error(r.Err)
		}
	}, func(h *harness, _ *Options) {
		answer = make(chan struct{})
		h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			<-answer
			return issue(n, time.Hour), nil
		}
	})
}

func TestWaitersAreSparedOnceWhoseTimeCameWhileTheProcessWasStopped(t *testing.T) {
	for name, c := range map[string]struct {
		late   time.Duration
		flight bool // one is under way
		want   time.Duration
	}{
		"in time":              {0, true, 0},
		"on a busy machine":    {busy, true, 0},
		"stopped":              {busy + 1, true, mercy},
		"stopped, for nothing": {time.Minute, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var ws waiters
			ws.add(moment, &waiter{deadline: moment.AddElapsed(time.Second)})
			now, left := moment.Add(time.Second+c.late), false
			begun := now
			for !left {
				ws.dropLate(now, c.flight, func(*waiter) { left = true })
				if !left {
					now = now.Add(ws.first.Until(now))
				}
			}
			if got := now.Elapsed(begun); got != c.want || len(ws.queue) > 0 {
				t.Errorf("told %s later, want %s", got, c.want)
			}
		})
	}
}
