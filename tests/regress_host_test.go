package tests

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/tests/fakes/idptest"
)

// stopFromOutside stops the actor of that id, as a host may by mistake.
func (w *world) stopFromOutside(id string) {
	system := w.sys.ActorSystem()
	system.Root.Stop(actor.NewPID(system.Address(), id))
}

// An actor that was stopped twice is gone until its pause is over. Nobody may
// wait for the end of what does not exist.
func TestP9AServiceWhoseActorIsGoneCanBeEnded(t *testing.T) {
	ends := map[string]func(*world) error{
		"by Stop": func(w *world) error { return w.sys.Stop(context.Background()) },
		"by Apply": func(w *world) error {
			return w.sys.Apply(context.Background(), w.changed(withoutBilling))
		},
	}
	for name, end := range ends {
		for _, stops := range []int{1, 2, 5} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					outlastDeadLetters(t)
					w := begin(t, idptest.New(), setup{})
					w.token(billing)
					for range stops {
						w.stopFromOutside(billingActor)
						synctest.Wait()
					}
					w.atOnce(name, func() {
						if err := end(w); err != nil {
							t.Error(err)
						}
					})
				})
			})
		}
	}
}

// withoutBilling leaves another service, for there must be one.
func withoutBilling(services map[string]config.Service) {
	delete(services, billing)
	services["left"] = scripted(config.Settings{})
}

// A command may lie behind the stop in the mailbox, or come when the mailbox is
// there no more. Which of them it is depends on the moment, so there are many.
func TestP8ACallOfAnActorStoppedFromOutsideIsAnswered(t *testing.T) {
	commands := map[string]func(ctx context.Context, w *world) error{
		"Token": func(ctx context.Context, w *world) error {
			_, err := w.sys.Token(ctx, billing)
			return err
		},
		"Refresh": func(ctx context.Context, w *world) error { return w.sys.Refresh(ctx, billing) },
		"Invalidate": func(ctx context.Context, w *world) error {
			_, err := w.sys.Invalidate(ctx, billing, "")
			return err
		},
		"GetToken": func(_ context.Context, w *world) error {
			// In one moment nobody is there: then protoactor says so, at once.
			root := w.sys.ActorSystem().Root
			_, err := root.RequestFuture(w.sys.PID(), &messages.GetToken{Service: billing}, time.Hour).Result()
			return err
		},
	}
	for name, command := range commands {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				outlastDeadLetters(t)
				w := begin(t, idptest.New(), setup{})
				ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
				defer cancel()
				for range 100 {
					w.stopFromOutside(billingActor)
					begin := time.Now()
					err := command(ctx, w)
					if took := time.Since(begin); took > 0 || errors.Is(err, messages.ErrTimeout) {
						t.Fatalf("%v after %v", err, took)
					}
					pass(2 * time.Minute) // its fall is forgotten
				}
			})
		})
	}
}

// An actor that is down does not read its mailbox, and when it ends it never will.
func TestP8ACommandToAnActorThatIsDownIsAnsweredWhenItEnds(t *testing.T) {
	ends := map[string]func(*world){
		"by Stop":         (*world).stop,
		"by Apply":        func(w *world) { w.apply(withoutBilling) },
		"by the host":     func(w *world) { w.stopFromOutside(billingActor) },
		"with its System": func(w *world) { w.stopFromOutside("service") },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				outlastDeadLetters(t)
				w := begin(t, idptest.New(), setup{})
				w.token(billing)
				for range 5 {
					w.kill(billingActor)
				}
				system := w.sys.ActorSystem()
				var replies []*actor.Future
				for _, command := range []messages.Command{
					&messages.GetToken{Service: billing}, &messages.GetTokenInfo{Service: billing},
					&messages.RefreshToken{Service: billing}, &messages.InvalidateToken{Service: billing},
				} {
					to := actor.NewPID(system.Address(), billingActor)
					replies = append(replies, system.Root.RequestFuture(to, command, time.Hour))
				}
				synctest.Wait()
				end(w)
				w.atOnce("an answer", func() {
					for _, reply := range replies {
						if r, err := reply.Result(); err != nil {
							t.Errorf("%T, %v", r, err)
						}
					}
				})
			})
		})
	}
}

// A place that waits for a flight that no actor is there to begin would delay
// everybody behind it.
func TestP5AnActorThatIsDownKeepsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(3*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{services: queueing(billing, "down", "erp"), limits: config.Limits{InFlightPerHost: 1}})
		for _, name := range []string{billing, "down"} {
			go func() { _, _ = w.sys.Token(t.Context(), name) }()
			synctest.Wait()
		}
		for range 12 {
			w.kill("service/down")
		}
		pass(3 * time.Second)
		w.token("erp")
	})
}

// queueing returns services that share a host.
func queueing(names ...string) map[string]config.Service {
	services := make(map[string]config.Service)
	for _, name := range names {
		services[name] = on("shared.test:443", scripted(config.Settings{}))
	}
	return services
}

// An actor that crashed while it had a place, or waited for one, asks again.
func TestP5CrashesInTheQueueExceedNoLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		names := []string{"a", "b", "c", "d"}
		for _, name := range names {
			idp.Play(name, idptest.After(3*time.Second, idptest.Token(time.Hour)))
		}
		w := begin(t, idp, setup{services: queueing(names...), limits: config.Limits{InFlightPerHost: 1}})
		for _, name := range names {
			go func() { _, _ = w.sys.Token(t.Context(), name) }()
			synctest.Wait()
		}
		for range 8 {
			w.kill("service/b") // whose turn is next
		}
		pass(3 * time.Minute)
		if all, _ := idp.Peak(); all != 1 {
			t.Errorf("%d at once", all)
		}
		for _, name := range names {
			w.token(name)
		}
	})
}

// A crash that was sent before a command is dealt with before it.
func TestP2ACommandBehindCrashesIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		tok := w.token(billing)
		pass(31 * time.Minute) // less life than the callers below want
		for range 8 {
			w.kill(billingActor)
		}
		w.atOnce("TokenMinTTL", func() {
			got, err := w.sys.TokenMinTTL(t.Context(), billing, 30*time.Minute)
			if err != nil || got.Generation < tok.Generation {
				t.Errorf("%v, %v", got, err)
			}
		})
		w.atOnce("GetToken", func() {
			if _, err := throughGetToken(t.Context(), w, billing); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestP6AnEagerServiceCountsFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Hang())
		for range 50 { // its actor may or may not have begun when Start returns
			w := prepare(t, idp, setup{services: map[string]config.Service{billing: scripted(config.Settings{Eager: new(true)})}})
			if err := w.sys.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.ready(false)
			w.stop()
		}
	})
}

func TestP9ASubscriptionWithoutAContextPoisonsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic for want of a context")
				}
			}()
			var none context.Context
			w.sys.Subscribe(none, billing)
		}()
		tape := w.tape()
		w.token(billing)
		if got := tape.names(); len(got) != 1 {
			t.Errorf("events %q", got)
		}
		w.stop()
	})
}

// The factory of a host's own provider is foreign code, which may hang.
func TestP9StopBehindAnApplyThatHangsIsBoundedByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		w := begin(t, idptest.New(), setup{options: []system.Option{
			system.WithProvider("slow", func(string, map[string]any) (provider.Provider, error) {
				<-hang
				return nil, errors.New("too late")
			}),
		}})
		applied := make(chan error, 1)
		go func() {
			applied <- w.sys.Apply(t.Context(), w.changed(func(s map[string]config.Service) { s["slow"] = config.Service{Provider: "slow"} }))
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_ = w.sys.Stop(ctx)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("Stop took %v", took)
		}
		close(hang)
		if err := <-applied; err == nil {
			t.Error("applied after Stop")
		}
	})
}
