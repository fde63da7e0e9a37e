package token

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/actors/vault"
	"tokend/messages"
)

// elsewhere returns a record as another node would have made it after ours.
func (h *harness) elsewhere(edit func(*vault.Record)) *vault.Record {
	st := h.slot.state.Load()
	now := time.Now().Round(0)
	rec := &vault.Record{
		Version: vault.RecordVersion, Key: recordKey("billing"), Revision: st.revision + 10, CredentialVersion: 1, Generation: 7,
		AccessToken: h.env.Vault.Seal(vault.Label{}, messages.NewSecret("theirs")), Fingerprint: messages.Fingerprint("theirs"),
		State:     h.env.Vault.Seal(vault.Label{}, messages.NewSecret("rotated")),
		CreatedAt: now, RefreshAt: now.Add(40 * time.Minute), WarnAt: now.Add(50 * time.Minute), ExpiresAt: now.Add(time.Hour),
	}
	if edit != nil {
		edit(rec)
	}
	return rec
}

func (h *harness) saved(rec *vault.Record) {
	h.system.Root.Send(h.slot.PID(), &Saved{Record: rec})
	synctest.Wait()
}

func TestWhatAnotherNodeSavedIsTakenUp(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		rec := h.elsewhere(nil)
		h.saved(rec)
		if tok := h.mustGet(); tok.Value() != "theirs" || tok.Generation != 7 || !tok.ExpiresAt.Equal(rec.ExpiresAt) {
			t.Errorf("%s of generation %d until %v", tok.Fingerprint, tok.Generation, tok.ExpiresAt)
		}
		if st := h.slot.state.Load(); st.revision != rec.Revision || !st.more().previous.Same(rec.State) {
			t.Errorf("revision %d, want %d, or another state", st.revision, rec.Revision)
		}
		if h.count("token_refreshed") != 1 {
			t.Errorf("%d events", h.count("token_refreshed"))
		}
		h.saved(rec) // again: no news
		if h.count("token_refreshed") != 1 || h.requests() != 1 {
			t.Errorf("%d events, %d requests", h.count("token_refreshed"), h.requests())
		}
		time.Sleep(time.Until(h.slot.Info().RefreshAt) - time.Nanosecond) // its schedule counts now
		synctest.Wait()
		h.wantRequests(1)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		h.wantRequests(2)
	})
}

func TestWhatAnotherNodeSavedEndsTrouble(t *testing.T) {
	bubble(t, func(h *harness) {
		h.play(func(context.Context, int, provider.Request) (provider.Result, error) {
			return provider.Result{}, down(messages.ClassRejected)
		})
		if _, err := h.get(h.Context(), 0); err == nil {
			t.Error("a token came")
		}
		h.saved(h.elsewhere(nil))
		h.wantState(messages.StateFresh)
		if h.count("token_acquired") != 1 || h.slot.Unready() {
			t.Error("not announced, or it counts against readiness")
		}
	})
}

func TestWhoWaitsGetsWhatAnotherNodeSaved(t *testing.T) {
	bubble(t, func(h *harness) {
		free := make(chan struct{})
		h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			<-free
			return issue(n, time.Hour), nil
		})
		got := make(chan string, 1)
		go func() { got <- h.mustGet().Value() }()
		synctest.Wait()
		h.saved(h.elsewhere(nil))
		if text := <-got; text != "theirs" {
			t.Errorf("got %s", text)
		}
		close(free)
		synctest.Wait()
		if tok := h.mustGet(); tok.Value() != "token-1" || tok.Generation != 8 {
			t.Errorf("%s of generation %d", tok.Fingerprint, tok.Generation)
		}
	})
}

func TestWhatIsNoNewsFromAnotherNodeChangesNoToken(t *testing.T) {
	for name, c := range map[string]struct {
		edit  func(*vault.Record)
		taken bool // nothing but the state
	}{
		"an older record":          {func(r *vault.Record) { r.Revision = 1 }, false},
		"of another configuration": {func(r *vault.Record) { r.CredentialVersion = 2 << 32 }, false},
		"a token from the future":  {func(r *vault.Record) { r.CreatedAt = r.CreatedAt.Add(time.Second) }, true},
		"a token that never lived": {func(r *vault.Record) { r.ExpiresAt = r.CreatedAt }, true},
		"a token that has died": {func(r *vault.Record) {
			r.CreatedAt, r.ExpiresAt = r.CreatedAt.Add(-time.Hour), r.CreatedAt
		}, true},
		"a token of the same generation":  {func(r *vault.Record) { r.Generation = 1 }, true},
		"a record without a token":        {func(r *vault.Record) { r.AccessToken = vault.Sealed{} }, true},
		"a token of an older generation":  {func(r *vault.Record) { r.Generation = 0 }, true},
		"one that has no state in it too": {func(r *vault.Record) { r.Generation, r.State = 0, vault.Sealed{} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.mustGet()
				rec := h.elsewhere(c.edit)
				h.saved(rec)
				if tok := h.mustGet(); tok.Value() != "token-1" {
					t.Errorf("token %s", tok.Fingerprint)
				}
				if got := h.slot.state.Load().more().previous; got.IsZero() == c.taken {
					t.Errorf("state there: %v", !got.IsZero())
				}
				if h.count("token_refreshed") != 0 {
					t.Error("something was announced")
				}
			})
		})
	}
}

func TestAnUnkeptServiceTakesUpNothing(t *testing.T) {
	bubble(t, func(h *harness) {
		h.saved(h.elsewhere(nil))
		h.wantState(messages.StateEmpty)
	}, func(_ *harness, o *Options) { o.Unkept = true })
}

// An earlier version has kept tokens to the last of their whole seconds, and not what
// their server stated.
func TestP1ATokenThatAnEarlierVersionKeptEndsASecondEarly(t *testing.T) {
	bubble(t, func(h *harness) {
		h.play(func(context.Context, int, provider.Request) (provider.Result, error) { return issue(1, time.Hour), nil })
		first := h.mustGet()
		h.age()
		h.at(time.Hour - time.Second - time.Nanosecond)
		if tok := h.mustGet(); tok.Fingerprint != first.Fingerprint || !tok.ExpiresAt.Equal(first.ExpiresAt.Add(-time.Second)) {
			t.Errorf("ends %v, first %v", tok.ExpiresAt, first.ExpiresAt)
		}
		time.Sleep(time.Nanosecond)
		if tok, err := h.get(h.Context(), 0); err == nil {
			t.Errorf("handed out until %v", tok.ExpiresAt)
		}
	})
}

// age has the service go on from what an earlier version would have kept of it.
func (h *harness) age() {
	h.Helper()
	h.stop()
	rec, err := h.env.Store.Load(recordKey("billing"))
	if err != nil {
		h.Fatal(err)
	}
	old := *rec
	old.Revision, old.Asked, old.FirmEnd, old.StatedEnd = rec.Revision+1, 0, time.Time{}, time.Time{}
	h.env.Store.Save(&old)
	if h.slot, err = NewSlot("billing", h.slot.PID(), h.env, h.slot.Options(), nil); err != nil {
		h.Fatal(err)
	}
	h.start()
}
