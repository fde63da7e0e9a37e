package token

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/actors/vault"
	"tokend/messages"
)

func TestAServiceGoesOnWhereItsRecordEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.start()
		h.mustGet()
		before := h.slot.Info()
		h.stop()
		time.Sleep(10 * time.Minute)

		again, err := NewSlot("billing", h.slot.PID(), h.env, h.slot.Options(), nil)
		if err != nil {
			t.Fatal(err)
		}
		h.slot = again
		h.start()
		if tok := h.mustGet(); tok.Value() != "token-1" {
			t.Errorf("got %s", tok.Value())
		}
		after := h.slot.Info()
		if !after.ExpiresAt.Equal(before.ExpiresAt) || !after.WarnAt.Equal(before.WarnAt) || after.Generation != 1 {
			t.Errorf("before %+v, after %+v", before, after)
		}
		if d := after.RefreshAt.Sub(before.RefreshAt).Abs(); d > time.Microsecond {
			t.Errorf("the refresh point moved by %v", d)
		}
		h.wantRequests(1)
		time.Sleep(time.Until(before.RefreshAt) + time.Millisecond)
		synctest.Wait()
		h.wantRequests(2)
		h.stop()
	})
}

func TestResumeTakesNoTokenThatCannotBeTrusted(t *testing.T) {
	o := &Options{Credential: 1<<32 + 3}
	at := moment.Time()
	v, err := vault.New(vault.MemoryPlain)
	if err != nil {
		t.Fatal(err)
	}
	good := vault.Record{
		CredentialVersion: 1<<32 + 3, AccessToken: v.Seal(vault.Label{}, messages.NewSecret("x")), Generation: 4,
		CreatedAt: at.Add(-time.Minute), ExpiresAt: at.Add(time.Hour), RefreshAt: at.Add(time.Minute),
	}
	tests := map[string]struct {
		edit  func(*vault.Record)
		state string
	}{
		"a good record":              {func(*vault.Record) {}, messages.StateFresh},
		"of another secret":          {func(r *vault.Record) { r.CredentialVersion-- }, messages.StateFresh},
		"of another configuration":   {func(r *vault.Record) { r.CredentialVersion = 3 }, messages.StateEmpty},
		"from the future":            {func(r *vault.Record) { r.CreatedAt = at.Add(1) }, messages.StateEmpty},
		"expired meanwhile":          {func(r *vault.Record) { r.ExpiresAt = at }, messages.StateExpired},
		"without a token":            {func(r *vault.Record) { r.AccessToken = vault.Sealed{} }, messages.StateEmpty},
		"failing when it was left":   {func(r *vault.Record) { r.Failure = &messages.Failure{NextTry: at.Add(time.Hour)} }, messages.StateDegraded},
		"a token without any expiry": {func(r *vault.Record) { r.ExpiresAt = time.Time{} }, messages.StateFresh},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rec := good
			tt.edit(&rec)
			st := resume(&rec, moment, o)
			if got := st.name(moment); got != tt.state {
				t.Errorf("state %s, want %s", got, tt.state)
			}
			if rec.Failure != nil && !st.backoff(moment) {
				t.Error("the back-off is lost")
			}
		})
	}
	if st := resume(nil, moment, o); st.needed || st.credential != 1<<32+3 {
		t.Errorf("without a record: %+v", st)
	}
}

func TestWaitersAreServedInOrderAndWithinTheirBound(t *testing.T) {
	var release chan struct{} // made in the bubble, so that waiting for it lets time pass
	bubble(t, func(h *harness) {
		var calls []Pending
		for range 11 {
			calls = append(calls, h.slot.Call(&messages.GetToken{Service: "billing"}))
		}
		synctest.Wait()
		if err := calls[10].Wait(h.Context()).(*messages.TokenReply).Err; !errors.Is(err, messages.ErrOverloaded) {
			t.Errorf("one too many got %v", err)
		}
		close(release)
		for _, c := range calls[:10] {
			if r := c.Wait(h.Context()).(*messages.TokenReply); r.Err != nil || r.Token.Value() != "token-1" {
				t.Errorf("got %v, %v", r.Token.Value(), r.Err)
			}
		}
		h.wantRequests(1)
		if c := h.slot.Info().Counters; c.Misses != 11 || c.Hits != 0 {
			t.Errorf("counters %+v", c)
		}
	}, func(h *harness, _ *Options) {
		release = make(chan struct{})
		h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			<-release
			return issue(n, time.Hour), nil
		}
	})
}

func TestWaitersLeaveAtTheirDeadlines(t *testing.T) {
	bubble(t, func(h *harness) {
		begin := time.Now()
		var calls []Pending
		for i := range 5 {
			calls = append(calls, h.slot.Call(&messages.GetToken{
				Service: "billing", Deadline: begin.Add(time.Duration(5-i) * 100 * time.Millisecond),
			}))
		}
		for i := 4; i >= 0; i-- {
			err := calls[i].Wait(h.Context()).(*messages.TokenReply).Err
			want := time.Duration(5-i) * 100 * time.Millisecond
			if took := time.Since(begin); !errors.Is(err, messages.ErrTimeout) || took != want {
				t.Errorf("waiter %d: %v after %v, want after %v", i, err, took, want)
			}
		}
		for range 10 { // their places are free again
			calls = append(calls, h.slot.Call(&messages.GetToken{Service: "billing"}))
		}
		time.Sleep(10 * time.Second)
		if r := calls[14].Wait(h.Context()).(*messages.TokenReply); r.Err != nil {
			t.Error(r.Err)
		}
	}, func(h *harness, _ *Options) {
		h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			time.Sleep(5 * time.Second)
			return issue(n, time.Hour), nil
		}
	})
}

// Deadlines less than a millisecond apart cost one look at the waiters.
func TestManyDeadlinesAreSweptTogether(t *testing.T) {
	var ws waiters
	for i := range 1000 {
		ws.add(moment, &waiter{deadline: moment.Add(time.Duration(i+1) * time.Microsecond)})
	}
	sweeps, now, late := 0, moment, 0
	for !ws.first.IsZero() {
		now = now.Add(ws.first.Until(now))
		ws.dropLate(now, false, func(*waiter) { late++ })
		sweeps++
	}
	if late != 1000 || sweeps > 3 {
		t.Errorf("%d late in %d sweeps", late, sweeps)
	}
}

func TestALivingTokenIsBetterThanATimeout(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		h.play(func(ctx context.Context, _ int, _ provider.Request) (provider.Result, error) {
			<-ctx.Done()
			return provider.Result{}, ctx.Err()
		})
		time.Sleep(59 * time.Minute) // a hanging refresh, 60 s of life left
		begin := time.Now()
		r := h.slot.Call(&messages.GetToken{
			Service: "billing", MinTTL: 10 * time.Minute, Deadline: begin.Add(time.Second),
		}).Wait(h.Context()).(*messages.TokenReply)
		if r.Err != nil || r.Token.Value() != "token-1" || time.Since(begin) > time.Second {
			t.Errorf("%v, %v after %v", r.Token.Value(), r.Err, time.Since(begin))
		}
	})
}

func TestPoliciesChangeWithoutARequest(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		before := h.slot.Info()
		o := *h.slot.Options()
		o.Policy.RefreshThreshold, o.Policy.WarnBefore = 20*time.Minute, time.Minute
		h.slot.Configure(&o)
		h.system.Root.Send(h.slot.PID(), &Reconfigured{})
		synctest.Wait()
		after := h.slot.Info()
		if after.RefreshThreshold != 20*time.Minute || !after.WarnAt.Equal(after.ExpiresAt.Add(-time.Minute)) {
			t.Errorf("after %+v", after)
		}
		if !after.ExpiresAt.Equal(before.ExpiresAt) || after.Generation != before.Generation {
			t.Error("the token changed")
		}
		h.wantRequests(1)
		time.Sleep(time.Until(after.RefreshAt))
		synctest.Wait()
		h.wantRequests(2)
	})
}

func TestAnEagerServiceNeedsNobody(t *testing.T) {
	bubble(t, func(h *harness) {
		h.wantState(messages.StateFresh)
		h.wantRequests(1)
	}, func(_ *harness, o *Options) { o.Eager = true })
}

func TestALazyServiceWaitsForItsFirstCaller(t *testing.T) {
	bubble(t, func(h *harness) {
		time.Sleep(24 * time.Hour)
		h.wantRequests(0)
		h.wantState(messages.StateEmpty)
		if h.slot.Unready() {
			t.Error("a service nobody needs counts against readiness")
		}
	})
}

func TestWhoWaitsForACrashedActorIsTold(t *testing.T) {
	bubble(t, func(h *harness) {
		k := &keeper{slot: h.slot, env: h.env}
		box := &inbox{reply: make(chan messages.Reply, 2)}
		k.serving = &waiter{command: &messages.GetTokenInfo{}, inbox: box}
		k.waiting.add(moment, &waiter{command: &messages.RefreshToken{}, inbox: box})
		k.Abandon()
		k.Abandon()
		for range 2 {
			if err := (<-box.reply).(*messages.TokenInfoReply).Err; !errors.Is(err, messages.ErrUnavailable) {
				t.Errorf("err = %v", err)
			}
		}
	})
}

func TestASlotAnswersForItsActorWhileThatIsDown(t *testing.T) {
	bubble(t, func(h *harness) {
		again := h.env.Clock.Now().Add(30 * time.Second)
		h.slot.Down(again)
		_, err := h.get(h.Context(), 0)
		e, ok := errors.AsType[*messages.Error](err)
		if !ok || !errors.Is(err, messages.ErrUnavailable) || !e.NextTry.Equal(again.Time()) {
			t.Errorf("err = %v", err)
		}
		h.slot.Up()
		h.mustGet()
		h.slot.Down(again)
		if tok, err := h.get(h.Context(), time.Hour); err != nil || tok.Value() != "token-1" {
			t.Errorf("got %v, %v", tok, err)
		}
		r := h.slot.Call(&messages.GetTokenInfo{Service: "billing"}).Wait(h.Context()).(*messages.TokenInfoReply)
		if r.Err != nil || r.Info.State != messages.StateFresh {
			t.Errorf("info %+v", r)
		}
		if err := h.refresh(); !errors.Is(err, messages.ErrUnavailable) {
			t.Errorf("refresh: %v", err)
		}
		h.slot.Up()
	})
}

func TestAClockStepIsSpread(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		h.system.Root.Send(h.slot.PID(), &ClockMoved{})
		synctest.Wait()
		h.wantRequests(1)
		if got := h.slot.state.Load().next(h.env.Clock.Now()); got.IsZero() {
			t.Error("nothing planned")
		}
	})
}

func TestTimesAreShownByTheClockOfNow(t *testing.T) {
	var offset atomic.Int64
	bubble(t, func(h *harness) {
		h.mustGet()
		offset.Store(int64(-2 * time.Hour))
		now := time.Now().Add(-2 * time.Hour)
		tok, info := h.mustGet(), h.slot.Info()
		for name, got := range map[string]time.Time{"token": tok.ExpiresAt, "info": info.ExpiresAt} {
			if left := got.Sub(now); left != time.Hour {
				t.Errorf("%s: expires in %v, want in an hour", name, left)
			}
		}
		if left := info.RefreshAt.Sub(now); left < 0 || left > time.Hour {
			t.Errorf("refresh in %v", left)
		}
	}, func(h *harness, _ *Options) {
		h.env.Clock = NewClock(func() time.Time { return time.Now().Add(time.Duration(offset.Load())) })
	})
}
