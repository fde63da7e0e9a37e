package token

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/actors/schedule"
	"tokend/messages"
)

// day is a keep-alive of 24 h with the harness's roll: half of the jitter.
const (
	day   = 24 * time.Hour
	beat  = day - day/20
	month = 30 * day
)

func keptAlive(_ *harness, o *Options) { o.KeepAlive = day }

// living makes tokens of that life.
func living(life time.Duration) func(*harness, *Options) {
	return func(h *harness, _ *Options) {
		h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			res := issue(n, life)
			res.NoExpiry = life == 0
			return res, nil
		}
	}
}

// wantNextAfter expects one more request after that time, not earlier.
func (h *harness) wantNextAfter(d time.Duration) {
	h.Helper()
	before := h.requests()
	time.Sleep(d - time.Nanosecond)
	synctest.Wait()
	h.wantRequests(before)
	time.Sleep(time.Nanosecond)
	synctest.Wait()
	h.wantRequests(before + 1)
}

func TestALoginIsUsedInTime(t *testing.T) {
	for name, edits := range map[string][]func(*harness, *Options){
		"though its token lives longer":   {keptAlive, living(month)},
		"though its token has no expiry":  {keptAlive, living(0)},
		"though nobody asks for a token":  {keptAlive, living(month)},
		"also when that is long overdue":  {keptAlive, living(time.Hour)},
		"nor more often for short tokens": {keptAlive, living(time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.wantNextAfter(beat)
				h.wantNextAfter(beat)
				if info := h.slot.Info(); info.Needed || h.count("token_expired")+h.count("token_expiring") > 0 || h.slot.Unready() {
					t.Errorf("needed %v, %d and %d events", info.Needed, h.count("token_expired"), h.count("token_expiring"))
				}
			}, edits...)
		})
	}
}

func TestALoginIsUsedInTimeBesideItsSchedule(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		h.wantNextAfter(beat)
		time.Sleep(time.Hour)
		if err := h.refresh(); err != nil {
			t.Fatal(err)
		}
		h.wantNextAfter(beat)
	}, keptAlive, living(month))
}

func TestAShortTokenKeepsItsSchedule(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		before := h.requests()
		time.Sleep(time.Until(h.slot.Info().RefreshAt))
		synctest.Wait()
		h.wantRequests(before + 1)
	}, keptAlive)
}

func TestKeepAliveCanBeSwitchedOff(t *testing.T) {
	bubble(t, func(h *harness) {
		time.Sleep(month)
		synctest.Wait()
		h.wantRequests(0)
		h.slot.Configure(h.with(func(o *Options) { o.KeepAlive = day }))
		h.system.Root.Send(h.slot.PID(), &Reconfigured{})
		synctest.Wait()
		h.wantNextAfter(beat)
		h.slot.Configure(h.with(func(o *Options) { o.KeepAlive = 2 * day }))
		h.system.Root.Send(h.slot.PID(), &Reconfigured{})
		synctest.Wait()
		h.wantNextAfter(2 * beat)
		h.slot.Configure(h.with(func(o *Options) { o.KeepAlive = 0 }))
		h.system.Root.Send(h.slot.PID(), &Reconfigured{})
		time.Sleep(month)
		synctest.Wait()
		h.wantRequests(2)
	})
}

// with returns the options with a change.
func (h *harness) with(edit func(*Options)) *Options {
	o := *h.slot.Options()
	edit(&o)
	return &o
}

// An attempt that is to keep the login alive is repeated by back-off, though the
// token at hand would be good for weeks.
func TestKeepingAliveIsTriedAgain(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		h.play(func(context.Context, int, provider.Request) (provider.Result, error) {
			return provider.Result{}, down(messages.ClassTransient)
		})
		h.wantNextAfter(beat)
		h.wantNextAfter(500 * time.Millisecond)
		h.wantNextAfter(time.Second)
		h.wantState(messages.StateDegraded)
		living(month)(h, nil)
		h.wantNextAfter(2 * time.Second)
		h.wantState(messages.StateFresh)
		h.wantNextAfter(beat)
	}, keptAlive, living(month))
}

// One that somebody asked for and that failed waits for the refresh point, but not
// longer than the login lives.
func TestAFailureDoesNotPutOffKeepingAlive(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		time.Sleep(time.Hour)
		h.play(func(context.Context, int, provider.Request) (provider.Result, error) {
			return provider.Result{}, down(messages.ClassTransient)
		})
		if h.refresh() == nil {
			t.Fatal("no failure")
		}
		h.wantNextAfter(beat - time.Hour)
	}, keptAlive, living(month))
}

func TestTheSameTokenAgainKeepsALoginAlive(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		h.wantNextAfter(beat)
		h.wantNextAfter(beat)
	}, keptAlive, func(h *harness, _ *Options) {
		begin := time.Now()
		h.script = func(context.Context, int, provider.Request) (provider.Result, error) {
			return issue(1, month-time.Since(begin)), nil
		}
	})
}

// The first who asks finds a token, and is the reason for replacing it in time.
func TestATokenOfNobodyBecomesSomebodys(t *testing.T) {
	bubble(t, func(h *harness) {
		h.wantNextAfter(beat)
		if h.slot.Enough(0) {
			t.Error("handed out without the actor's knowing")
		}
		if tok := h.mustGet(); tok.Value() != "token-1" {
			t.Errorf("got %s", tok.Value())
		}
		if !h.slot.Info().Needed || !h.slot.Enough(0) {
			t.Error("not needed")
		}
		time.Sleep(time.Until(h.slot.Info().RefreshAt))
		synctest.Wait()
		h.wantRequests(2)
	}, keptAlive)
}

// again starts the service anew, as the next process does.
func (h *harness) again() {
	h.Helper()
	h.stop()
	slot, err := NewSlot("billing", h.slot.PID(), h.env, h.slot.Options(), nil)
	if err != nil {
		h.Fatal(err)
	}
	h.slot = slot
	h.start()
}

func TestKeepingAliveGoesOnAfterARestart(t *testing.T) {
	bubble(t, func(h *harness) {
		h.wantNextAfter(beat)
		time.Sleep(time.Hour)
		h.again()
		if h.slot.Info().Needed {
			t.Error("needed, though nobody asked")
		}
		h.wantNextAfter(beat - time.Hour)
	}, keptAlive, living(month))
}

func TestABackOffGoesOnAfterARestart(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		h.play(func(context.Context, int, provider.Request) (provider.Result, error) {
			return provider.Result{}, down(messages.ClassRejected)
		})
		h.wantNextAfter(beat)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		h.again()
		h.wantNextAfter(20 * time.Second)
	}, keptAlive, living(month))
}

func TestKeepAliveOfAState(t *testing.T) {
	failed := &messages.Failure{At: moment.Time()}
	at := &alive{at: moment}
	tests := map[string]struct {
		state State
		want  schedule.Instant
	}{
		"nothing to keep alive":         {State{}, schedule.Instant{}},
		"switched off":                  {State{extra: &extra{alive: &alive{}}}, schedule.Instant{}},
		"due":                           {State{extra: &extra{alive: at}}, moment},
		"due, not tried since":          {State{extra: &extra{alive: at}, failure: failed, flight: flight{began: moment.Add(-time.Hour)}}, moment},
		"due, failed since":             {State{extra: &extra{alive: at}, failure: failed, flight: flight{began: moment}}, schedule.Instant{}},
		"due, failed in a past life":    {State{extra: &extra{alive: at}, failure: failed}, schedule.Instant{}},
		"switched off and failing":      {State{extra: &extra{alive: &alive{}}, failure: failed}, schedule.Instant{}},
		"due while an attempt is young": {State{extra: &extra{alive: at}, flight: flight{began: moment}}, moment.Add(minSpacing)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.state.keepAlive(moment.Add(time.Minute)); got != tt.want {
				t.Errorf("in %v, want %v", got.Until(moment), tt.want.Until(moment))
			}
		})
	}
}

// What was configured anew while nobody needed the service is tried for the first
// who does. Until it brings a token, the one at hand serves.
func TestTheFirstWhoNeedsAServiceHasItsNewConfigurationTried(t *testing.T) {
	bubble(t, func(h *harness) {
		h.wantNextAfter(beat)
		h.slot.Configure(h.with(func(o *Options) { o.Credential = 2 << 32 }))
		h.system.Root.Send(h.slot.PID(), &Reconfigured{})
		time.Sleep(time.Hour)
		synctest.Wait()
		h.wantRequests(1)
		if tok := h.mustGet(); tok.Value() != "token-1" {
			t.Errorf("%v", tok)
		}
		synctest.Wait()
		h.wantRequests(2)
		if tok := h.mustGet(); tok.Value() != "token-2" {
			t.Errorf("%v", tok)
		}
	}, keptAlive, living(month))
}

// The first who asks may find an attempt under way that keeps the login alive.
func TestP4WhoJoinsAnAttemptNeedsTheToken(t *testing.T) {
	bubble(t, func(h *harness) {
		h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			time.Sleep(time.Second)
			return issue(n, time.Hour), nil
		})
		time.Sleep(beat + time.Millisecond)
		h.mustGet()
		h.wantRequests(1)
		if !h.slot.Info().Needed {
			t.Error("the service counts as not needed")
		}
		time.Sleep(time.Until(h.slot.Info().RefreshAt) + time.Millisecond)
		synctest.Wait()
		h.wantRequests(2)
	}, keptAlive)
}
