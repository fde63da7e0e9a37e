package disk

import (
	"testing"

	"tokend/actors/vault"
)

// A service that comes back has what the flight of before has brought, and may replace it.
func TestASavedStateThatWasLoadedMayBeReplaced(t *testing.T) {
	b := newBench(t)
	s := b.open()
	if err := s.SaveState(t.Context(), vault.Key{Service: "billing"}, b.box("billing", vault.ProviderState, "rotated")); err != nil {
		t.Fatal(err)
	}
	back := b.record("billing", 1, "token", "")
	loaded, err := s.Load(back.Key)
	if err != nil {
		t.Fatal(err)
	}
	back.State = loaded.State
	s.Save(back)
	s.Save(b.record("billing", 2, "token", "lost"))
	b.close(s)
	b.want(b.open(), "billing", "token", "lost")
}
