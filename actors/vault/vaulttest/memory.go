// Package vaulttest has a store for tests.
package vaulttest

import (
	"context"
	"sync"

	"tokend/actors/vault"
)

// Memory is a Store that ends with the process. Several users may share it. The
// zero Memory is ready.
type Memory struct {
	records sync.Map

	mu       sync.Mutex // guards watchers
	watchers map[*func(rec *vault.Record)]bool
}

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

// SaveNow keeps rec.
func (m *Memory) SaveNow(rec *vault.Record) { m.Save(rec) }

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

// update applies change to what is under key until no other update came between,
// and tells who watches.
func (m *Memory) update(key vault.Key, change func(*kept) *kept) {
	for {
		before, ok := m.records.Load(key)
		if !ok {
			next := change(nil)
			if _, raced := m.records.LoadOrStore(key, next); !raced {
				m.tell(next.rec)
				return
			}
			continue
		}
		next := change(before.(*kept))
		if m.records.CompareAndSwap(key, before, next) {
			m.tell(next.rec)
			return
		}
	}
}

func (m *Memory) tell(rec *vault.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for f := range m.watchers {
		(*f)(rec)
	}
}

// Flush has nothing to do.
func (m *Memory) Flush(context.Context) error { return nil }

// Delete forgets the record kept under key.
func (m *Memory) Delete(key vault.Key) { m.records.Delete(key) }

// Each calls f with the key of every record that is kept.
func (m *Memory) Each(f func(key vault.Key)) error {
	m.records.Range(func(key, _ any) bool {
		f(key.(vault.Key))
		return true
	})
	return nil
}

// Watch calls f with every record that is saved, whoever does.
func (m *Memory) Watch(f func(rec *vault.Record)) (stop func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.watchers == nil {
		m.watchers = make(map[*func(rec *vault.Record)]bool)
	}
	m.watchers[&f] = true
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.watchers, &f)
	}
}
