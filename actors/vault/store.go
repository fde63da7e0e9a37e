package vault

import (
	"context"
	"sync"
	"time"

	"tokend/messages"
)

// RecordVersion is the version of Record's layout.
const RecordVersion = 1

// Key names a record. Variant is empty; it leaves room for several tokens of one
// service, by scope or audience.
type Key struct{ Service, Variant string }

// Record is what is kept about one service, so that whoever takes it over goes
// on where the last one was. Times are wall-clock. It is immutable.
type Record struct {
	Version           int
	Key               Key
	Revision          uint64 // rises with every record of the key
	CredentialVersion uint64 // rises when the service's provider is configured anew
	Generation        uint64
	AccessToken       Sealed
	State             Sealed // what the provider wants to have again
	Type              string
	Scopes            []string
	CreatedAt         time.Time
	ExpiresAt         time.Time // zero: no expiry, if there is an access token
	RefreshAt         time.Time
	WarnAt            time.Time
	Fingerprint       string
	Failure           *messages.Failure
	Flight            uint64 // number of the last acquisition
}

// Store keeps records. Its methods may be called concurrently.
type Store interface {
	// Load returns the newest record kept under key, nil if there is none.
	Load(key Key) (*Record, error)
	// Save keeps rec, unless one with a higher revision is kept. It does not wait
	// for slow storage: what it was given may get lost if the process ends in the
	// next second.
	Save(rec *Record)
	// SaveState replaces the provider state in the record kept under key, and
	// returns when that will survive the end of the process as far as this store
	// lets anything survive.
	SaveState(ctx context.Context, key Key, state Sealed) error
	// Delete forgets what is kept under key.
	Delete(key Key)
}

// Memory is a Store that lives and ends with the process: it lets a service go
// on after the loss of everything but the process. The zero Memory is ready.
type Memory struct{ records sync.Map }

var _ Store = (*Memory)(nil)

// Load returns the record kept under key.
func (m *Memory) Load(key Key) (*Record, error) {
	rec, ok := m.records.Load(key)
	if !ok {
		return nil, nil
	}
	return rec.(*Record), nil
}

// Save keeps rec.
func (m *Memory) Save(rec *Record) {
	m.update(rec.Key, func(kept *Record) *Record {
		if kept != nil && kept.Revision > rec.Revision {
			return kept
		}
		return rec
	})
}

// SaveState replaces the provider state of the record kept under key.
func (m *Memory) SaveState(_ context.Context, key Key, state Sealed) error {
	m.update(key, func(kept *Record) *Record {
		next := Record{Version: RecordVersion, Key: key}
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
func (m *Memory) update(key Key, change func(*Record) *Record) {
	for {
		kept, ok := m.records.Load(key)
		if !ok {
			if _, raced := m.records.LoadOrStore(key, change(nil)); !raced {
				return
			}
			continue
		}
		if m.records.CompareAndSwap(key, kept, change(kept.(*Record))) {
			return
		}
	}
}

// Delete forgets the record kept under key.
func (m *Memory) Delete(key Key) { m.records.Delete(key) }
