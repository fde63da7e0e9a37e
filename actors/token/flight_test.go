package token

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/gate"
	"tokend/actors/provider"
	"tokend/actors/vault"
	"tokend/actors/vault/vaulttest"
	"tokend/messages"
)

func TestNothingIsTriedBesideAProviderThatDoesNotReturn(t *testing.T) {
	var release chan struct{} // made in the bubble, so that waiting for it lets time pass
	bubble(t, func(h *harness) {
		_, err := h.get(h.Context(), 0)
		if !errors.Is(err, messages.ErrTimeout) { // the waiter's own time ends a second before
			t.Errorf("err = %v", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if f := h.slot.Info().LastError; f == nil || f.Class != messages.ClassTransient || f.Attempts != 1 {
			t.Fatalf("failure %+v after timeout and grace", f)
		}
		time.Sleep(time.Hour)
		begin := time.Now()
		_, err = h.get(h.Context(), 0)
		e, ok := errors.AsType[*messages.Error](err)
		if !ok || e.Attempts != 1 || h.count("refresh_failed") != 1 || e.NextTry.Before(begin) || time.Since(begin) > 0 {
			t.Errorf("err = %v", err)
		}
		h.wantRequests(1)
		close(release)
		synctest.Wait()
		if tok := h.mustGet(); tok.Value() != "token-1" || tok.Generation != 1 {
			t.Errorf("got %s, generation %d", tok.Value(), tok.Generation)
		}
	}, func(h *harness, _ *Options) {
		release = make(chan struct{})
		h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			<-release
			return issue(n, 2*time.Hour), nil
		}
	})
}

// A fallback that does not return must not keep others from its host.
func TestAPlaceAtAnotherGateIsGivenBackByAFlightThatDoesNotReturn(t *testing.T) {
	var (
		busy    gate.Gauge
		release chan struct{}
	)
	bubble(t, func(h *harness) {
		at := h.system.Root.Spawn(gate.Props(1, &busy))
		h.play(func(ctx context.Context, n int, _ provider.Request) (provider.Result, error) {
			if err := gate.PassOf(ctx).Change(ctx, at); err != nil {
				h.Error(err)
			}
			<-release
			return issue(n, time.Hour), nil
		})
		go func() { _, _ = h.get(h.Context(), 0) }()
		time.Sleep(12*time.Second - time.Nanosecond)
		synctest.Wait()
		if n := busy.InFlight.Load(); n != 1 {
			t.Errorf("%d places taken before its time is up", n)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if n := busy.InFlight.Load(); n != 0 {
			t.Errorf("%d places taken", n)
		}
		close(release)
		synctest.Wait()
		h.wantState(messages.StateFresh)
		h.system.Root.Stop(at)
	}, func(*harness, *Options) { release = make(chan struct{}) })
}

func TestALateTokenIsTaken(t *testing.T) {
	bubble(t, func(h *harness) {
		_, _ = h.get(h.Context(), 0)
		time.Sleep(1100 * time.Millisecond) // given up at 12 s; it returns at 12.1 s
		synctest.Wait()
		h.wantState(messages.StateFresh)
		h.wantRequests(1)
	}, func(h *harness, _ *Options) {
		h.env.Roll = func() float64 { return 0.999 } // a back-off of a second
		h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			time.Sleep(12100 * time.Millisecond)
			return issue(n, time.Hour), nil
		}
	})
}

func TestALateFailureIsCountedOnce(t *testing.T) {
	bubble(t, func(h *harness) {
		_, _ = h.get(h.Context(), 0)
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if f := h.slot.Info().LastError; f.Attempts != 1 || h.count("refresh_failed") != 1 {
			t.Errorf("%d attempts, %d events", f.Attempts, h.count("refresh_failed"))
		}
	}, func(h *harness, _ *Options) {
		h.env.Roll = func() float64 { return 0.999 }
		h.script = func(context.Context, int, provider.Request) (provider.Result, error) {
			time.Sleep(12100 * time.Millisecond)
			return provider.Result{}, down(messages.ClassTransient)
		}
	})
}

func TestTheProviderGetsItsStateBack(t *testing.T) {
	var seen []string
	bubble(t, func(h *harness) {
		h.mustGet()
		for range 3 {
			time.Sleep(2 * time.Second)
			if err := h.refresh(); err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{"", "state-1", "state-1", "state-3"}; len(seen) != 4 || seen[1] != want[1] || seen[2] != want[2] || seen[3] != want[3] {
			t.Errorf("the provider saw %q, want %q", seen, want)
		}
		rec, err := h.env.Store.Load(vault.Key{Service: "billing"})
		if err != nil || rec.State.IsZero() {
			t.Errorf("the store holds %v, %v", rec, err)
		}
	}, func(h *harness, _ *Options) {
		h.script = func(_ context.Context, n int, req provider.Request) (provider.Result, error) {
			seen = append(seen, string(req.Previous.Bytes()))
			res := issue(n, time.Hour)
			if n%2 == 1 { // rotated every other time
				res.State = provider.NewState([]byte("state-" + string(rune('0'+n))))
			}
			return res, nil
		}
	})
}

// A refresh token may have been rotated by an answer that is of no other use.
func TestAStateIsKeptWhateverElseIsWrong(t *testing.T) {
	for name, spoil := range map[string]func(*provider.Result) error{
		"an error":          func(*provider.Result) error { return &provider.Error{Text: "no"} },
		"no token":          func(r *provider.Result) error { r.AccessToken = messages.Secret{}; return nil },
		"a useless token":   func(r *provider.Result) error { r.AccessToken = messages.NewSecret("two words"); return nil },
		"a lifetime of old": func(r *provider.Result) error { r.Lifetime = -time.Hour; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				if _, err := h.get(h.Context(), 0); err == nil {
					t.Error("got a token")
				}
				rec, err := h.env.Store.Load(vault.Key{Service: "billing"})
				if err != nil || rec.State.IsZero() {
					t.Errorf("the store holds %v, %v", rec, err)
				}
				if kept, err := h.slot.state.Load().more().previous.Open(); err != nil || kept.Reveal() != "rotated" {
					t.Errorf("kept %v, %v", kept.Reveal(), err)
				}
			}, func(h *harness, _ *Options) {
				h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
					res := issue(n, time.Hour)
					res.State = provider.NewState([]byte("rotated"))
					err := spoil(&res)
					return res, err
				}
			})
		})
	}
}

func TestATokenThatWasDeadOnArrivalIsMalformed(t *testing.T) {
	bubble(t, func(h *harness) {
		if _, err := h.get(h.Context(), 0); !errors.Is(err, messages.ErrInvalidResponse) {
			t.Errorf("err = %v", err)
		}
		h.wantState(messages.StateEmpty)
	}, func(h *harness, _ *Options) {
		h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			time.Sleep(2 * time.Second)
			return issue(n, 2*time.Second), nil
		}
	})
}

// countingStore counts what it is given.
type countingStore struct {
	vaulttest.Memory
	saves atomic.Int64
}

func (s *countingStore) Save(rec *vault.Record) {
	s.saves.Add(1)
	s.Memory.Save(rec)
}

func TestARefreshIsSavedOnceWhenItBeginsAndOnceWhenItEnds(t *testing.T) {
	store := &countingStore{}
	bubble(t, func(h *harness) {
		h.mustGet()
		synctest.Wait()
		before := store.saves.Load()
		time.Sleep(46 * time.Minute) // past the refresh point
		synctest.Wait()
		h.wantRequests(2)
		if got := store.saves.Load() - before; got != 2 {
			t.Errorf("saved %d times", got)
		}
	}, func(h *harness, _ *Options) { h.env.Store = store })
}

// slowStore has the service removed while it saves a state.
type slowStore struct {
	vaulttest.Memory
	removed func()
}

func (s *slowStore) SaveState(ctx context.Context, key vault.Key, state vault.Sealed) error {
	s.removed()
	return s.Memory.SaveState(ctx, key, state)
}

// A refresh token that was rotated while its service went is all that is left of a
// login, which may come back.
func TestAStateThatIsSavedWhileItsServiceIsRemovedIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{}
		h := newHarness(t, func(h *harness, _ *Options) { h.env.Store = store })
		store.removed = func() { // as the supervisor does it
			h.slot.End(messages.ErrUnknownService)
			_ = h.system.Root.PoisonFuture(h.slot.PID()).Wait()
			h.slot.Gone()
		}
		h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			res := issue(n, time.Hour)
			res.State = provider.NewState([]byte("rotated"))
			return res, nil
		})
		h.start()
		if _, err := h.get(h.Context(), 0); !errors.Is(err, messages.ErrUnknownService) {
			t.Errorf("the caller was told %v", err)
		}
		h.env.Flights.Wait()
		rec, err := store.Load(recordKey("billing"))
		if err != nil || rec == nil {
			t.Fatalf("kept: %+v, %v", rec, err)
		}
		if state, err := rec.State.Open(); err != nil || state.Reveal() != "rotated" || !rec.AccessToken.IsZero() {
			t.Errorf("kept: %v, %v", state, err)
		}
		time.Sleep(time.Minute) // protoactor counts dead letters for a while
	})
}

// failingStore is a store whose disk is broken.
type failingStore struct{ vaulttest.Memory }

func (*failingStore) SaveState(context.Context, vault.Key, vault.Sealed) error {
	return errors.New("disk full")
}

func TestABrokenStoreDoesNotStopServing(t *testing.T) {
	bubble(t, func(h *harness) {
		if tok := h.mustGet(); tok.Value() != "token-1" {
			t.Errorf("got %s", tok.Value())
		}
	}, func(h *harness, _ *Options) {
		h.env.Store = &failingStore{}
		h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			res := issue(n, time.Hour)
			res.State = provider.NewState([]byte("state"))
			return res, nil
		}
	})
}

func TestAPanicOfTheProviderIsAFailure(t *testing.T) {
	bubble(t, func(h *harness) {
		_, err := h.get(h.Context(), 0)
		if e, ok := errors.AsType[*messages.Error](err); !ok || e.Class != messages.ClassPanic || !errors.Is(err, messages.ErrUnavailable) {
			t.Errorf("err = %v", err)
		}
	}, func(h *harness, _ *Options) {
		h.script = func(context.Context, int, provider.Request) (provider.Result, error) { panic("boom") }
	})
}

// A provider that calls runtime.Goexit ends the flight's goroutine. That is an
// outcome like another.
func TestAFlightThatVanishesIsGivenUp(t *testing.T) {
	bubble(t, func(h *harness) {
		_, _ = h.get(h.Context(), 0)
		time.Sleep(time.Second)
		synctest.Wait()
		if h.slot.Info().LastError == nil {
			t.Error("no failure noted")
		}
	}, func(h *harness, _ *Options) {
		h.script = func(context.Context, int, provider.Request) (provider.Result, error) {
			runtime.Goexit()
			return provider.Result{}, nil
		}
	})
}

func TestALostGrantIsAskedForAgain(t *testing.T) {
	bubble(t, func(h *harness) {
		ctx, cancel := context.WithTimeout(h.Context(), time.Second)
		defer cancel()
		_, err := h.get(ctx, 0)
		if !errors.Is(err, messages.ErrTimeout) || h.requests() != 0 {
			t.Fatalf("err = %v, %d requests", err, h.requests())
		}
		time.Sleep(gatePatience)
		synctest.Wait()
		h.wantRequests(1)
		h.wantState(messages.StateFresh)
	}, func(h *harness, o *Options) {
		asked := 0
		o.Gate = h.system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
			if m, ok := c.Message().(*gate.Acquire); ok {
				if asked++; asked > 1 { // the first is lost
					c.Respond(&gate.Granted{Flight: m.Flight})
				}
			}
		}))
	})
}

func TestAPlaceNobodyWantsIsGivenBack(t *testing.T) {
	var released []uint64
	bubble(t, func(h *harness) {
		h.mustGet()
		h.system.Root.RequestWithCustomSender(h.slot.PID(), &gate.Granted{Flight: 77}, h.slot.Options().Gate)
		synctest.Wait()
		if len(released) != 2 || released[0] != 1 || released[1] != 77 {
			t.Errorf("released %v, want the flight's own place and the stray one", released)
		}
	}, func(h *harness, o *Options) {
		o.Gate = h.system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
			switch m := c.Message().(type) {
			case *gate.Acquire:
				c.Respond(&gate.Granted{Flight: m.Flight})
				c.Respond(&gate.Granted{Flight: m.Flight}) // twice does no harm
			case *gate.Release:
				released = append(released, m.Flight)
			}
		}))
	})
}

func TestTheLaterOfTwoLandingsStays(t *testing.T) {
	s := &Slot{}
	s.leave(&landing{flight: 2})
	s.leave(&landing{flight: 1})
	if got := s.landed.Load().flight; got != 2 {
		t.Errorf("flight %d is there", got)
	}
	s.leave(&landing{flight: 3})
	if got := s.landed.Load().flight; got != 3 {
		t.Errorf("flight %d is there", got)
	}
}

// A flight of an earlier configuration is waited for. It brings no token, only
// what the provider wants to have again.
func TestASupersededFlightBringsNoToken(t *testing.T) {
	bubble(t, func(h *harness) {
		call := h.slot.Call(&messages.GetToken{Service: "billing"})
		synctest.Wait()
		o := *h.slot.Options()
		o.Credential++
		h.slot.Configure(&o)
		h.system.Root.Send(h.slot.PID(), &Reconfigured{})
		synctest.Wait()
		h.wantRequests(1)
		r := call.Wait(h.Context()).(*messages.TokenReply)
		if r.Err != nil || r.Token.Value() != "token-2" || r.Token.Generation != 1 {
			t.Errorf("got %v, %v", r.Token.Value(), r.Err)
		}
		h.wantRequests(2)
		if kept, err := h.slot.state.Load().more().previous.Open(); err != nil || kept.Reveal() != "rotated" {
			t.Errorf("kept %v, %v", kept.Reveal(), err)
		}
	}, func(h *harness, _ *Options) {
		h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			res := issue(n, time.Hour)
			if n == 1 {
				res.State = provider.NewState([]byte("rotated"))
				time.Sleep(3 * time.Second)
			}
			return res, nil
		}
	})
}

func TestALandingOfAnotherLifeIsDropped(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		h.slot.landed.Store(&landing{flight: 99, fingerprint: "x", life: time.Hour})
		h.system.Root.Send(h.slot.PID(), &landed{})
		synctest.Wait()
		if tok := h.mustGet(); tok.Value() != "token-1" {
			t.Errorf("got %s", tok.Value())
		}
	})
}
