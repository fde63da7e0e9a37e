// Package vaulttest has a store for tests.
package vaulttest

import (
	"context"
	"sync"

	"tokend/actors/vault"
)

// Memory is a Store that ends with the process. The zero Memory is ready.
type Memory struct{ records sync.Map }

var _ vault.Store = (*Memory)(nil)

// kept is what is under one key.
type kept struct {
	rec   *vault.Record
	state vault.Sealed // given to SaveState and in no record yet
}

// Load returns the record kept under key.
func (m *Memory) Load(key vault.Key) (*vault.Record, error) {
	k, ok := m.records.Load(key)
	if !ok {
		return nil, nil
	}
	return k.(*kept).rec, nil
}

// Save keeps rec.
func (m *Memory) Save(rec *vault.Record) {
	m.update(rec.Key, func(before *kept) *kept {
		switch {
		case before == nil:
			return &kept{rec: rec}
		case before.rec.Revision > rec.Revision:
			return before
		case before.state.IsZero(), before.state.Same(rec.State):
			return &kept{rec: rec}
		}
		next := *rec
		next.State = before.state
		return &kept{&next, before.state}
	})
}

// SaveState replaces the provider state of the record kept under key.
func (m *Memory) SaveState(_ context.Context, key vault.Key, state vault.Sealed) error {
	m.update(key, func(before *kept) *kept {
		next := vault.Record{Version: vault.RecordVersion, Key: key}
		if before != nil {
			next = *before.rec
		}
		next.State = state
		return &kept{&next, state}
	})
	return nil
}

// update applies change to what is under key until no other update came between.
func (m *Memory) update(key vault.Key, change func(*kept) *kept) {
	for {
		before, ok := m.records.Load(key)
		if !ok {
			if _, raced := m.records.LoadOrStore(key, change(nil)); !raced {
				return
			}
			continue
		}
		if m.records.CompareAndSwap(key, before, change(before.(*kept))) {
			return
		}
	}
}

// Delete forgets the record kept under key.
func (m *Memory) Delete(key vault.Key) { m.records.Delete(key) }
