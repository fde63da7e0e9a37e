package tests

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/tests/fakes/idptest"
)

// stop stops the world's system and checks that it took no time.
func (w *world) stop() {
	w.Helper()
	w.atOnce("Stop", func() {
		if err := w.sys.Stop(context.Background()); err != nil {
			w.Errorf("stop: %v", err)
		}
	})
}

func TestP9WaitingCallersAreAnswered(t *testing.T) {
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Hang())
				w := begin(t, idp, setup{})
				got := callers(100, func() (string, error) { return "", wait(t.Context(), w) })
				pass(time.Second)
				w.stop()
				synctest.Wait()
				for range 100 {
					o := <-got
					refusedAt(t, name, o.err, messages.ErrStopped)
					if since := o.at.Sub(bubbleStart); since != time.Second {
						t.Errorf("answered after %v", since)
					}
				}
			})
		})
	}
}

func TestP9AskersByMessageAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Hang())
		w := begin(t, idp, setup{})
		root, pid := w.sys.ActorSystem().Root, w.sys.PID()
		get := root.RequestFuture(pid, &messages.GetToken{Service: billing}, time.Hour)
		batch := root.RequestFuture(pid, &messages.GetTokens{Services: []string{billing, "none"}}, time.Hour)
		refresh := root.RequestFuture(pid, &messages.RefreshToken{Service: billing}, time.Hour)
		synctest.Wait()
		w.stop()

		reply, err := get.Result()
		if r, ok := reply.(*messages.TokenReply); err != nil || !ok || !errors.Is(r.Err, messages.ErrStopped) {
			t.Errorf("GetToken: %#v, %v", reply, err)
		}
		reply, err = batch.Result()
		if r, ok := reply.(*messages.TokensReply); err != nil || !ok || !errors.Is(r.Errs[billing], messages.ErrStopped) {
			t.Errorf("GetTokens: %#v, %v", reply, err)
		}
		reply, err = refresh.Result()
		if r, ok := reply.(*messages.TokenInfoReply); err != nil || !ok || !errors.Is(r.Err, messages.ErrStopped) {
			t.Errorf("RefreshToken: %#v, %v", reply, err)
		}
	})
}

func TestP9NothingIsHandedOutAfterStop(t *testing.T) {
	for name, open := range doors {
		if name == "GetToken" || name == "GetTokens" {
			continue // whoever sends to a stopped system gets protoactor's own answer
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := begin(t, idptest.New(), setup{})
				w.token(billing)
				w.stop()
				_, err := open(t.Context(), w, billing)
				refusedAt(t, name, err, messages.ErrStopped)
				w.calls(billing, 1)
			})
		})
	}
}

func TestP9NothingIsHandedOutBeforeStart(t *testing.T) {
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := prepare(t, idptest.New(), setup{})
				defer w.stop()
				refusedAt(t, name, wait(t.Context(), w), messages.ErrStopped)
				w.calls(billing, 0)
			})
		})
	}
}

func TestP9StopEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		w := begin(t, idp, setup{})
		tape, one := w.tape(), w.tape(billing)
		ctx, cancel := context.WithCancel(t.Context())
		leaves := w.sys.Subscribe(ctx)
		w.token(billing)
		cancel()
		for range leaves { // what it had not read yet, until it is closed
		}
		for range 3 {
			w.stop()
		}
		if !tape.ended() || !one.ended() {
			t.Error("a subscription goes on")
		}
		if _, open := <-w.sys.Subscribe(t.Context()); open {
			t.Error("a subscription after Stop is open")
		}
		pass(24 * time.Hour)
		w.calls(billing, 1)
	})
}

func TestP9StopTwiceAtOnceIsHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		w.token(billing)
		errs := make(chan error, 10)
		for range cap(errs) {
			go func() { errs <- w.sys.Stop(context.Background()) }()
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestP9StopBeforeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := prepare(t, idptest.New(), setup{})
		w.stop()
		w.stop()
		if err := w.sys.Start(t.Context()); !errors.Is(err, messages.ErrStopped) {
			t.Errorf("start after stop: %v", err)
		}
		_, err := w.sys.Token(t.Context(), billing)
		wantError(t, err, messages.ErrStopped)
	})
}

func TestP9StartTwiceIsAnErrorAndHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		if err := w.sys.Start(t.Context()); err == nil {
			t.Error("started twice")
		}
		w.token(billing)
	})
}

func TestP9ADeadContextStopsEverything(t *testing.T) {
	tests := map[string]idptest.Step{
		"with nothing under way":            idptest.Token(time.Hour),
		"with an acquisition that hangs":    idptest.Hang(),
		"with one that hears of no context": idptest.Deaf(time.Minute, idptest.Token(time.Hour)),
	}
	for name, step := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, step)
				w := prepare(t, idp, setup{})
				if err := w.sys.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				got := callers(10, w.asking(t.Context()))
				w.atOnce("Stop", func() { _ = w.sys.Stop(overdue(t)) })
				synctest.Wait()
				for range 10 {
					if o := <-got; o.err != nil {
						wantError(t, o.err, messages.ErrStopped)
					}
				}
				pass(time.Minute) // and the bubble ends with nobody in it
				w.ready(false)
			})
		})
	}
}

func TestP9StopIsBoundedByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Deaf(10*time.Minute, idptest.Token(time.Hour)))
		w := prepare(t, idp, setup{})
		if err := w.sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		callers(1, w.asking(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_ = w.sys.Stop(ctx)
		if took := sinceStart(); took > 5*time.Second {
			t.Errorf("stop took %v", took)
		}
		pass(20 * time.Minute)
	})
}

func TestP9StopInAnyMoment(t *testing.T) {
	for _, moment := range []time.Duration{0, time.Nanosecond, hourRefreshFirst, hourRefreshLast, hourWarn, hourChance, time.Hour, time.Hour + time.Second} {
		t.Run(moment.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(time.Hour), idptest.After(5*time.Second, idptest.Fail(messages.ClassTransient)))
				w := begin(t, idp, setup{services: map[string]config.Service{
					billing: scripted(config.Settings{}), "erp": scripted(config.Settings{Eager: new(true)}),
				}})
				w.token(billing)
				w.kill(billingActor)
				time.Sleep(moment)
				w.stop()
			})
		})
	}
}

func TestP9AHostsActorSystemIsNeverStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := hostSystem()
		defer host.Shutdown()
		in := func(name string) setup {
			return setup{options: []system.Option{system.WithActorSystem(host), system.WithName(name)}}
		}
		first, second := begin(t, idptest.New(), in("one")), begin(t, idptest.New(), in("two"))
		if first.sys.ActorSystem() != host || second.sys.ActorSystem() != host {
			t.Error("not the host's actor system")
		}
		first.token(billing)
		first.stop()
		if host.IsStopped() {
			t.Fatal("the host's actor system was stopped")
		}
		second.token(billing)
		if _, err := throughGetToken(t.Context(), second, billing); err != nil {
			t.Error(err)
		}
		again := begin(t, idptest.New(), in("one"))
		again.token(billing)
		again.stop()
		second.stop()
		if left := second.actors(); len(left) != 0 {
			t.Errorf("actors left behind: %q", left)
		}
	})
}

func TestP9TwoSystemsOfOneNameDoNotShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := hostSystem()
		defer host.Shutdown()
		options := []system.Option{system.WithActorSystem(host)}
		first := begin(t, idptest.New(), setup{options: options})
		first.token(billing)
		second := prepare(t, idptest.New(), setup{options: options})
		if err := second.sys.Start(t.Context()); err == nil {
			t.Error("two systems of the same name in one actor system")
		}
		_ = second.sys.Stop(context.Background())
		first.token(billing)
		if _, err := throughGetToken(t.Context(), first, billing); err != nil {
			t.Error(err)
		}
	})
}

func TestP9NoGoroutineIsLeft(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	idp := idptest.New()
	idp.Play("hangs", idptest.Hang())
	w := prepare(t, idp, setup{services: map[string]config.Service{
		billing: scripted(config.Settings{}), "hangs": scripted(config.Settings{Eager: new(true)}),
	}})
	if err := w.sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	events := w.sys.Subscribe(t.Context())
	if _, err := w.sys.Token(t.Context(), billing); err != nil {
		t.Fatal(err)
	}
	w.kill(billingActor)
	if err := w.sys.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	for range events { // until it is closed
	}
}

// hostSystem returns an actor system as a host has one.
func hostSystem() *actor.ActorSystem {
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	return actor.NewActorSystem(actor.WithLoggerFactory(quiet))
}
