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

// Load returns the record kept under key.
func (m *Memory) Load(key vault.Key) (*vault.Record, error) {
	rec, ok := m.records.Load(key)
	if !ok {
		return nil, nil
	}
	return rec.(*vault.Record), nil
}

// Save keeps rec.
func (m *Memory) Save(rec *vault.Record) {
	m.update(rec.Key, func(kept *vault.Record) *vault.Record {
		if kept != nil && kept.Revision > rec.Revision {
			return kept
		}
		return rec
	})
}

// SaveState replaces the provider state of the record kept under key.
func (m *Memory) SaveState(_ context.Context, key vault.Key, state vault.Sealed) error {
	m.update(key, func(kept *vault.Record) *vault.Record {
		next := vault.Record{Version: vault.RecordVersion, Key: key}
		if kept != nil {
			next = *kept
		}
		next.State = state
		return &next
	})
	return nil
}

// update applies change to the record under key until no other update came
// between.
func (m *Memory) update(key vault.Key, change func(*vault.Record) *vault.Record) {
	for {
		kept, ok := m.records.Load(key)
		if !ok {
			if _, raced := m.records.LoadOrStore(key, change(nil)); !raced {
				return
			}
			continue
		}
		if m.records.CompareAndSwap(key, kept, change(kept.(*vault.Record))) {
			return
		}
	}
}

// Delete forgets the record kept under key.
func (m *Memory) Delete(key vault.Key) { m.records.Delete(key) }
