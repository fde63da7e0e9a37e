package tests

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/tests/fakes/idptest"
)

// handle returns a handle on the service.
func (w *world) handle(service string) *system.Service {
	w.Helper()
	svc, err := w.sys.Service(service)
	if err != nil {
		w.Fatal(err)
	}
	return svc
}

func TestAHandleDoesWhatTheSystemDoesByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		svc := w.handle(billing)
		events := svc.Subscribe(t.Context())
		if expired, err := svc.Expired(); err != nil || !expired {
			t.Errorf("without a token: expired is %v, %v", expired, err)
		}
		tok, err := svc.TokenMinTTL(t.Context(), time.Minute)
		if err != nil || tok.Fingerprint != w.token(billing).Fingerprint || svc.Name() != billing {
			t.Errorf("%s: %v, %v", svc.Name(), tok, err)
		}
		if expired, err := svc.Expired(); err != nil || expired {
			t.Errorf("with a token: expired is %v, %v", expired, err)
		}
		if e := <-events; e.Name() != "token_acquired" {
			t.Errorf("event %s", e.Name())
		}
		pass(time.Minute)
		if err := svc.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		if info, err := svc.Info(t.Context()); err != nil || info.Generation != 2 {
			t.Errorf("generation %d, %v", info.Generation, err)
		}
		pass(time.Minute)
		if ok, err := svc.Invalidate(t.Context(), tok.Fingerprint); err != nil || ok {
			t.Errorf("a stale fingerprint: %v, %v", ok, err)
		}
		if ok, err := svc.Invalidate(t.Context(), ""); err != nil || !ok {
			t.Errorf("the current one: %v, %v", ok, err)
		}
		w.calls(billing, 3)
	})
}

func TestInfoTellsHowAServiceIsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{services: map[string]config.Service{
			billing: scripted(config.Settings{}),
			"erp":   scripted(config.Settings{Eager: new(true), Required: new(false), Timeout: new(7 * time.Second)}),
			"fixed": {Provider: config.KindStatic, Static: &config.Static{Token: config.NewSecret("fixed"), Scopes: []string{"a", "b"}}},
		}})
		synctest.Wait()
		lazy, eager := w.info(billing), w.info("erp")
		if lazy.Provider != idptest.Kind || lazy.Eager || !lazy.Required || lazy.Needed || lazy.State != messages.StateEmpty {
			t.Errorf("%+v", lazy)
		}
		if !eager.Eager || eager.Required || !eager.Needed || eager.State != messages.StateFresh || eager.TokenType != "Bearer" {
			t.Errorf("%+v", eager)
		}
		for name, want := range map[string]time.Duration{billing: 10 * time.Second, "erp": 7 * time.Second} {
			if got, err := w.sys.Timeout(name); err != nil || got != want {
				t.Errorf("timeout of %s: %v, %v", name, got, err)
			}
		}
		tok := w.token("fixed")
		if tok.Header() != "Bearer fixed" || !tok.ExpiresAt.IsZero() || !slices.Equal(tok.Scopes, []string{"a", "b"}) {
			t.Errorf("%v, expires %v, scopes %q", tok, tok.ExpiresAt, tok.Scopes)
		}
		pass(30 * 24 * time.Hour)
		w.state("fixed", messages.StateFresh)
	})
}

func TestServicesDoNotShareTheirTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{services: map[string]config.Service{
			billing: on("shared", scripted(config.Settings{})), "erp": on("shared", scripted(config.Settings{})),
		}})
		if w.token(billing).Fingerprint == w.token("erp").Fingerprint {
			t.Error("one token for two services")
		}
		pass(time.Minute)
		before := w.info("erp")
		if _, err := w.sys.Invalidate(t.Context(), billing, ""); err != nil {
			t.Fatal(err)
		}
		sameRecord(t, before, w.info("erp"))
	})
}
