package tests

import (
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

func TestEventsCanBeReadLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play("erp", idptest.Fail(messages.ClassRejected))
		w := begin(t, idp, setup{services: map[string]config.Service{
			billing: scripted(config.Settings{}), "erp": scripted(config.Settings{}),
		}})
		before := w.sys.LastEvent()
		w.token(billing)
		_, _ = w.sys.Token(t.Context(), "erp")
		pass(time.Second)
		entries, more := w.sys.EventsAfter(before, make([]messages.Entry, 0, 1))
		if len(entries) != 1 || entries[0].ID != before+1 || entries[0].Event.Name() != "token_acquired" {
			t.Fatalf("first %v", entries)
		}
		<-more // there is another one already
		entries, more = w.sys.EventsAfter(entries[0].ID, make([]messages.Entry, 0, 10))
		if len(entries) != 1 || entries[0].Event.Name() != "refresh_failed" || entries[0].Event.About().Service != "erp" {
			t.Fatalf("then %v", entries)
		}
		if w.sys.EventsLost() != 0 {
			t.Errorf("%d events were lost", w.sys.EventsLost())
		}
		if err := w.sys.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-more // the end
		if _, more = w.sys.EventsAfter(w.sys.LastEvent(), make([]messages.Entry, 0, 1)); more != nil {
			t.Error("after the end there is more to come")
		}
	})
}

func TestWhatIsCountedCostsNoActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(3*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{})
		go func() { _, _ = w.sys.Token(t.Context(), billing) }()
		synctest.Wait()
		for s := range w.sys.Stats() {
			if s.Service != billing || s.Provider != idptest.Kind || s.State != messages.StateEmpty || s.Waiting != 1 || s.Restarts != 0 {
				t.Errorf("while it is acquired: %+v", s)
			}
		}
		gates := w.sys.Gates()
		if len(gates) != 1 || gates[0].InFlight != 1 || gates[0].Queued != 0 || gates[0].Limit != 32 {
			t.Errorf("gates %+v", gates)
		}
		pass(3 * time.Second)
		for s := range w.sys.Stats() {
			if s.State != messages.StateFresh || s.Waiting != 0 || s.Counters.Misses != 1 || s.Counters.Refreshes != 1 {
				t.Errorf("then: %+v", s)
			}
		}
		if all := w.sys.Timings(); len(all) != 1 || all[0].Kind != idptest.Kind || all[0].Sum != 3*time.Second {
			t.Errorf("timings %+v", all)
		}
		if gates = w.sys.Gates(); gates[0].InFlight != 0 {
			t.Errorf("gates %+v", gates)
		}
	})
}
