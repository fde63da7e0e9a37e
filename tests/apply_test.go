package tests

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// apply changes the world's services by change and applies that.
func (w *world) apply(change func(services map[string]config.Service)) {
	w.Helper()
	if err := w.sys.Apply(w.Context(), w.changed(change)); err != nil {
		w.Fatalf("apply: %v", err)
	}
	synctest.Wait()
}

func (w *world) changed(change func(services map[string]config.Service)) *config.Config {
	next := *w.cfg
	next.Services = maps.Clone(w.cfg.Services)
	change(next.Services)
	return &next
}

// elsewhere returns a scripted service that asks another host than [scripted]
// does, so that it has changed.
func elsewhere() config.Service { return on("elsewhere.test", scripted(config.Settings{})) }

func TestApplyAddsAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		w.refused("erp", messages.ErrUnknownService)
		w.apply(func(s map[string]config.Service) {
			s["erp"] = scripted(config.Settings{})
			s["crm"] = scripted(config.Settings{Eager: new(true)})
		})
		w.calls("erp", 0)
		w.calls("crm", 1)
		w.token("erp")
		w.token(billing)
		var names []string
		for _, info := range w.sys.List() {
			names = append(names, info.Service)
		}
		if want := []string{billing, "crm", "erp"}; !slices.Equal(names, want) {
			t.Errorf("services %q, want %q", names, want)
		}
	})
}

func TestApplyRemovesAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play("erp", idptest.Hang())
		w := begin(t, idp, setup{services: map[string]config.Service{
			billing: scripted(config.Settings{}), "erp": scripted(config.Settings{}),
		}})
		tok := w.token(billing)
		tape := w.tape()
		waiting := make(chan error, 10)
		for range cap(waiting) {
			go func() {
				_, err := w.sys.Token(t.Context(), "erp")
				waiting <- err
			}()
		}
		handle, err := w.sys.Service(billing)
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		w.apply(func(s map[string]config.Service) {
			clear(s)
			s["left"] = scripted(config.Settings{})
		})

		for range cap(waiting) {
			if err := <-waiting; !errors.Is(err, messages.ErrUnknownService) && !errors.Is(err, messages.ErrStopped) {
				t.Errorf("a waiting caller got %v", err)
			}
		}
		if sinceStart() != time.Second {
			t.Errorf("and that after %v", sinceStart())
		}
		checkRemoved(w, tape, tok)
		w.atOnce("a handle", func() { _, err = handle.Token(t.Context()) })
		wantError(t, err, messages.ErrUnknownService)
		pass(24 * time.Hour)
		w.calls(billing, 1)
		w.ready(true)
	})
}

func checkRemoved(w *world, tape *tape, tok messages.Token) {
	w.Helper()
	for _, name := range []string{billing, "erp"} {
		w.refused(name, messages.ErrUnknownService)
		if _, err := w.sys.Service(name); !errors.Is(err, messages.ErrUnknownService) {
			w.Errorf("a handle of %s: %v", name, err)
		}
	}
	removed := taped[*messages.ServiceRemoved](tape)
	var names []string
	for _, e := range removed {
		names = append(names, e.Service)
		if e.Service == billing && (e.Fingerprint != tok.Fingerprint || e.Generation != 1) {
			w.Errorf("published %+v", e)
		}
	}
	if slices.Sort(names); !slices.Equal(names, []string{billing, "erp"}) {
		w.Errorf("removed %q", names)
	}
	if n := len(taped[*messages.ActorRestarted](tape)); n != 0 {
		w.Errorf("%d restarts of what was removed", n)
	}
}

func TestApplyLeavesTheUnchangedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		tape := w.tape()
		tok := w.token(billing)
		pass(10 * time.Minute)
		before := w.info(billing)
		for range 10 {
			w.apply(func(map[string]config.Service) {})
		}
		sameRecord(t, before, w.info(billing))
		w.calls(billing, 1)
		if got := w.token(billing); got.Fingerprint != tok.Fingerprint {
			t.Errorf("%v, want %v", got, tok)
		}
		if names := tape.names(); len(names) != 1 {
			t.Errorf("events %q", names)
		}
	})
}

func TestApplyKeepsTheOldTokenUntilTheNewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		w := begin(t, idp, setup{})
		old := w.token(billing)
		pass(10 * time.Minute)
		idp.Play(billing, idptest.After(5*time.Second, idptest.Token(time.Hour)))
		w.apply(func(s map[string]config.Service) { s[billing] = elsewhere() })
		w.calls(billing, 2)
		pass(5*time.Second - time.Nanosecond)
		if got := w.token(billing); got.Fingerprint != old.Fingerprint {
			t.Errorf("%v, want %v", got, old)
		}
		pass(time.Nanosecond)
		if got := w.token(billing); got.Generation != old.Generation+1 {
			t.Errorf("generation %d", got.Generation)
		}
		w.calls(billing, 2)
	})
}

func TestApplyOfWhatFailsKeepsTheOldToken(t *testing.T) {
	for _, class := range []string{messages.ClassTransient, messages.ClassRejected} {
		t.Run(class, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				w := begin(t, idp, setup{})
				old := w.token(billing)
				pass(10 * time.Minute)
				idp.Play(billing, idptest.Fail(class))
				w.apply(func(s map[string]config.Service) { s[billing] = elsewhere() })
				w.calls(billing, 2)
				for time.Now().Before(old.ExpiresAt) {
					if got := w.token(billing); got.Fingerprint != old.Fingerprint || got.State != messages.StateDegraded {
						t.Fatalf("after %v: %v", sinceStart(), got)
					}
					pass(10 * time.Second)
				}
				w.refused(billing, messages.ErrorOf(class))
			})
		})
	}
}

func TestApplyWakesRejectedCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Fail(messages.ClassRejected))
		w := begin(t, idp, setup{})
		w.refused(billing, messages.ErrRejected)
		pass(6*time.Hour + time.Minute)
		calls := idp.Count(billing)
		idp.Play(billing, idptest.Token(time.Hour))
		w.apply(func(s map[string]config.Service) { s[billing] = elsewhere() })
		w.calls(billing, calls+1)
		w.token(billing)
		w.ready(true)
	})
}

func TestApplyInMidFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(5*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{})
		got := callers(10, w.asking(t.Context()))
		pass(time.Second)
		w.apply(func(s map[string]config.Service) { s[billing] = elsewhere() })
		pass(time.Minute)
		tok := w.token(billing)
		for range 10 {
			checkEnded(t, <-got, tok)
		}
		if n := idp.Count(billing); n > 2 {
			t.Errorf("%d acquisitions", n)
		}
	})
}

func TestApplyRefusesAWrongConfigurationWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		tok := w.token(billing)
		wrong := w.changed(func(s map[string]config.Service) {
			delete(s, billing)
			s["erp"] = scripted(config.Settings{Eager: new(true)})
			s["no kind"] = config.Service{Provider: "unheard-of"}
			s["late"] = scripted(config.Settings{Timeout: new(-time.Second)})
		})
		if err := w.sys.Apply(t.Context(), wrong); err == nil {
			t.Fatal("accepted")
		}
		synctest.Wait()
		if got := w.token(billing); got.Fingerprint != tok.Fingerprint {
			t.Errorf("%v, want %v", got, tok)
		}
		w.calls("erp", 0)
		w.refused("erp", messages.ErrUnknownService)
		if list := w.sys.List(); len(list) != 1 {
			t.Errorf("%d services", len(list))
		}
	})
}

func TestApplyAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		w.stop()
		err := w.sys.Apply(t.Context(), w.changed(func(map[string]config.Service) {}))
		if !errors.Is(err, messages.ErrStopped) {
			t.Errorf("error %v", err)
		}
	})
}

func TestARemovedServiceThatComesBackStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		w.token(billing)
		handle, err := w.sys.Service(billing)
		if err != nil {
			t.Fatal(err)
		}
		w.apply(func(s map[string]config.Service) {
			clear(s)
			s["left"] = scripted(config.Settings{})
		})
		pass(time.Minute)
		w.apply(func(map[string]config.Service) {})
		w.token(billing)
		w.calls(billing, 2)
		if _, err := throughGetToken(t.Context(), w, billing); err != nil {
			t.Error(err)
		}
		if tok, err := handle.Token(t.Context()); err != nil || tok.Fingerprint != w.token(billing).Fingerprint {
			t.Errorf("the old handle brings %v, %v", tok, err)
		}
	})
}
