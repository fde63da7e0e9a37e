package vaulttest

import (
	"slices"
	"testing"

	"tokend/actors/vault"
	"tokend/messages"
)

const canary = "canary-81d4f0"

func TestMemoryKeepsTheNewestRecord(t *testing.T) {
	var m Memory
	key := vault.Key{Service: "billing"}
	if rec, err := m.Load(key); rec != nil || err != nil {
		t.Fatalf("an empty store gave %v, %v", rec, err)
	}
	m.Save(&vault.Record{Key: key, Revision: 2, Fingerprint: "two"})
	m.Save(&vault.Record{Key: key, Revision: 1, Fingerprint: "one"})
	if rec, _ := m.Load(key); rec.Fingerprint != "two" {
		t.Errorf("kept %s", rec.Fingerprint)
	}
	m.Save(&vault.Record{Key: key, Revision: 3, Fingerprint: "three"})
	if rec, _ := m.Load(key); rec.Fingerprint != "three" {
		t.Errorf("kept %s", rec.Fingerprint)
	}
	m.Delete(key)
	if rec, _ := m.Load(key); rec != nil {
		t.Errorf("kept %v after Delete", rec)
	}
}

func TestMemoryKeepsProviderStateApart(t *testing.T) {
	var m Memory
	v, err := vault.New(vault.MemorySealed)
	if err != nil {
		t.Fatal(err)
	}
	key := vault.Key{Service: "billing"}
	box := v.Seal(vault.Label{Part: vault.ProviderState}, messages.NewSecret(canary))
	for _, rec := range []*vault.Record{nil, {Key: key, Revision: 5, Fingerprint: "five"}} {
		if rec != nil {
			m.Save(rec)
		}
		if err := m.SaveState(t.Context(), key, box); err != nil {
			t.Fatal(err)
		}
		kept, _ := m.Load(key)
		if got, err := kept.State.Open(); err != nil || got.Reveal() != canary {
			t.Errorf("state %v, %v", got, err)
		}
		if rec != nil && kept.Fingerprint != "five" {
			t.Error("SaveState changed the rest of the record")
		}
	}
}

func TestMemoryKeepsASavedStateUntilARecordHasIt(t *testing.T) {
	var m Memory
	v, err := vault.New(vault.MemorySealed)
	if err != nil {
		t.Fatal(err)
	}
	key := vault.Key{Service: "billing"}
	box := v.Seal(vault.Label{Part: vault.ProviderState}, messages.NewSecret(canary))
	if err := m.SaveState(t.Context(), key, box); err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct{ saved, want vault.Sealed }{
		{vault.Sealed{}, box}, {box, box}, {vault.Sealed{}, vault.Sealed{}},
	} {
		m.Save(&vault.Record{Key: key, Revision: uint64(i), State: step.saved})
		if kept, _ := m.Load(key); !kept.State.Same(step.want) {
			t.Errorf("after record %d the state is another one", i)
		}
	}
}

func TestMemoryTellsEachKey(t *testing.T) {
	var m Memory
	m.Save(&vault.Record{Key: vault.Key{Service: "billing"}})
	m.Save(&vault.Record{Key: vault.Key{Service: "erp"}})
	left := map[string]bool{"billing": true, "erp": true}
	if err := m.Each(func(key vault.Key) {
		delete(left, key.Service)
		m.Delete(key)
	}); err != nil || len(left) > 0 {
		t.Errorf("not told of %v, %v", left, err)
	}
	_ = m.Each(func(key vault.Key) { t.Errorf("told of %v after Delete", key) })
}

func TestMemoryTellsWhoWatches(t *testing.T) {
	var (
		m    Memory
		seen []uint64
	)
	stop := m.Watch(func(rec *vault.Record) { seen = append(seen, rec.Revision) })
	key := vault.Key{Service: "billing"}
	m.Save(&vault.Record{Key: key, Revision: 1})
	m.Save(&vault.Record{Key: key, Revision: 2})
	stop()
	m.Save(&vault.Record{Key: key, Revision: 3})
	if !slices.Equal(seen, []uint64{1, 2}) {
		t.Errorf("told of %v", seen)
	}
}
