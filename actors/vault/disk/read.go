package disk

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"tokend/actors/vault"
)

// Load returns the newest record kept under key, nil if there is none or it is
// damaged. A state that was given to SaveState is in the very box that was given: who
// saves it again has it.
func (s *Store) Load(key vault.Key) (*vault.Record, error) {
	s.mu.Lock()
	e, state, closed := s.dirty[key], s.states[key], s.closed
	s.mu.Unlock()
	var rec *vault.Record
	switch {
	case closed:
		return nil, errClosed
	case e != nil && e.rec != nil:
		return e.rec, nil
	case e == nil || !e.gone:
		var err error
		if rec, err = s.read(key); err != nil {
			return nil, err
		}
	}
	return withState(rec, key, state), nil
}

var errClosed = errors.New("the vault is closed")

// withState returns rec, which may be nil, with another state.
func withState(rec *vault.Record, key vault.Key, state vault.Sealed) *vault.Record {
	if state.IsZero() {
		return rec
	}
	next := vault.Record{Version: vault.RecordVersion, Key: key}
	if rec != nil {
		next = *rec
	}
	next.State = state
	return &next
}

// read returns the record in the file.
func (s *Store) read(key vault.Key) (rec *vault.Record, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		value := tx.Bucket(recordsBucket).Get(place(key))
		if value == nil {
			return nil
		}
		h, c, err := s.key.unpack(key, value)
		if err != nil {
			s.complain(key, err)
			return nil
		}
		defer c.wipe()
		rec = recordOf(s.options.Vault, key, h, c)
		return nil
	})
	return rec, err
}

// view reads the file, which may be closed meanwhile.
func (s *Store) view(f func(tx *bbolt.Tx) error) error {
	s.mu.Lock()
	db := s.db
	s.mu.Unlock()
	return db.view(f)
}

func (s *Store) complain(key vault.Key, err error) {
	s.options.Log.WithField("service", fmt.Sprintf("%.80q", key.Service)).WithError(err).
		Error("vault: a record cannot be used, the service starts without")
}

// Each calls f with the key of every record that is kept.
func (s *Store) Each(f func(key vault.Key)) error {
	keys, err := s.keys()
	if err != nil {
		return err
	}
	for key, there := range keys {
		if there {
			f(key)
		}
	}
	return nil
}

// keys returns the keys of all records, and false with those that are to be
// forgotten. What waits to be written is looked at first, since it moves from there
// into the file.
func (s *Store) keys() (map[vault.Key]bool, error) {
	keys := map[vault.Key]bool{}
	s.mu.Lock()
	for key, e := range s.dirty {
		keys[key] = e.rec != nil || !e.state.IsZero()
	}
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	return keys, s.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(recordsBucket).ForEach(func(at, _ []byte) error {
			key := keyAt(at)
			if _, waits := keys[key]; !waits {
				keys[key] = true
			}
			return nil
		})
	})
}

// Watch never calls f: while the Store has the file open nobody else can write to
// it.
func (s *Store) Watch(func(rec *vault.Record)) (stop func()) { return func() {} }
