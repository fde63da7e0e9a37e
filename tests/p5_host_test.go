package tests

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

func TestP5ASubscriberWhoDoesNotReadHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Second))
		w := begin(t, idp, setup{})
		lazy := w.sys.Subscribe(t.Context())
		tape := w.tape()
		w.token(billing)
		for range 20_000 {
			pass(100 * time.Millisecond)
			w.token(billing)
		}
		if got, want := len(tape.all()), idp.Count(billing); got != want {
			t.Errorf("who reads got %d of %d events", got, want)
		}
		w.stop()
		unread := 0
		for range lazy { // until it is closed
			unread++
		}
		if unread > 10_000 {
			t.Errorf("%d events kept for who does not read: no bound", unread)
		}
	})
}

func TestP5StopAndApplyInACrashLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		w := begin(t, idp, setup{})
		old := w.token(billing)
		for range 12 {
			w.kill(billingActor)
		}
		pass(20 * time.Second) // its mailbox is closed for a while
		w.atOnce("Apply", func() {
			w.apply(func(s map[string]config.Service) {
				s[billing] = elsewhere()
				s["erp"] = scripted(config.Settings{})
			})
		})
		w.token("erp")
		if got := w.token(billing); got.Fingerprint != old.Fingerprint && got.Generation != 2 {
			t.Errorf("%v", got)
		}
		pass(10 * time.Minute)
		if got := w.token(billing); got.Generation != 2 {
			t.Errorf("the new configuration was never tried: %v", got)
		}
		for range 12 {
			w.kill(billingActor)
		}
		pass(20 * time.Second)
		w.stop()
	})
}

func TestP5ACrashLoopOfOneServiceDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{services: map[string]config.Service{
			billing: scripted(config.Settings{}), "erp": scripted(config.Settings{}),
		}})
		for range 600 {
			w.kill(billingActor)
			w.token("erp")
			if _, err := throughGetToken(t.Context(), w, "erp"); err != nil {
				t.Fatal(err)
			}
			pass(10 * time.Second)
		}
		if n := w.idp.Count("erp"); n < 2 || n > 4 {
			t.Errorf("%d acquisitions for the other service", n)
		}
	})
}

func TestP5WhatServesAllServicesComesBackToo(t *testing.T) {
	const host = "shared.idp.test:443"
	parts := map[string]func(w *world) []string{
		"the gate of a host":    func(w *world) []string { return w.like("gate") },
		"what hands out events": func(w *world) []string { return w.like("publisher") },
		"both and every service": func(w *world) []string {
			return append(append(w.like("gate"), w.like("publisher")...), w.like("service/")...)
		},
	}
	for name, part := range parts {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				outlastDeadLetters(t)
				w := begin(t, idptest.New(), setup{services: map[string]config.Service{billing: on(host, scripted(config.Settings{}))}})
				w.token(billing)
				victims := part(w)
				if len(victims) == 0 {
					t.Fatal("there is no such actor")
				}
				for _, id := range victims {
					w.sys.ActorSystem().Root.Stop(actor.NewPID(w.sys.ActorSystem().Address(), id))
				}
				pass(time.Minute)
				tape := w.tape()
				if err := w.sys.Refresh(t.Context(), billing); err != nil {
					t.Errorf("refresh: %v", err)
				}
				if got := tape.names(); len(got) != 1 || got[0] != "token_refreshed" {
					t.Errorf("events %q", got)
				}
				pass(2 * time.Hour)
				w.token(billing)
			})
		})
	}
}

func TestP6ASupervisorThatTheHostStoppedIsVisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outlastDeadLetters(t)
		w := begin(t, idptest.New(), setup{})
		w.token(billing)
		w.sys.ActorSystem().Root.Stop(actor.NewPID(w.sys.ActorSystem().Address(), "service"))
		pass(2 * time.Hour)
		_, err := w.sys.Token(t.Context(), billing)
		if ready := w.sys.Readiness().Ready; err != nil && ready {
			t.Errorf("ready, while the only service that is needed gives %v", err)
		}
		if errors.Is(err, messages.ErrUnknownService) {
			t.Errorf("a configured service is unknown: %v", err)
		}
	})
}

// outlastDeadLetters keeps the bubble open a little longer than what is begun
// after it: protoactor has a goroutine that ends a second after a dead letter.
func outlastDeadLetters(t *testing.T) {
	t.Cleanup(func() { pass(2 * time.Second) })
}

// like returns the ids of the actors that have part in theirs.
func (w *world) like(part string) []string {
	var ids []string
	for _, id := range w.actors() {
		if strings.Contains(id, part) {
			ids = append(ids, id)
		}
	}
	return ids
}
