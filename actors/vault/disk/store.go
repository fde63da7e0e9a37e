package disk

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"go.etcd.io/bbolt"

	"tokend/actors/vault"
)

// Options are what a [Store] needs.
type Options struct {
	Path  string             // of the file; its directory is made if need be
	Keys  []Key              // the first seals, all of them open
	Vault *vault.Vault       // seals in memory what is loaded
	Log   logrus.FieldLogger // told of damage and of trouble with the disk

	// TrustDirectory says that everyone who can change the directory, or the way to it, is
	// trusted. Otherwise there must be no one but root and the user of this process.
	TrustDirectory bool
}

// Store is a [vault.Store] in a file. Its methods may be called concurrently.
type Store struct {
	options Options
	db      *file // changed by the writer alone, under mu
	key     *dataKey
	wrapped []byte                            // key as it lies in the file
	seals   uint64                            // what key has sealed; the writer's
	update  func(func(*bbolt.Tx) error) error // of db, except in tests

	wake    chan struct{} // there is something to write
	hurry   chan struct{} // somebody waits for it
	closing chan struct{}
	done    chan struct{} // closed when the writer has ended
	once    sync.Once
	err     error // of the last write, for Close

	mu      sync.Mutex // guards what follows; never held while the disk is used
	dirty   map[vault.Key]*entry
	states  map[vault.Key]vault.Sealed // given to SaveState and in no record yet
	waiting []chan<- error             // who wants to know when dirty is in the file
	health  Health
	writing time.Time // since when the writer writes; zero: it does not
	closed  bool
}

// entry is what the file is to be told about one key. It is immutable.
type entry struct {
	gone  bool          // forget what is in the file first
	rec   *vault.Record // with the state; nil: only that is new, if anything
	state vault.Sealed  // given to SaveState and in no other record yet
}

var _ vault.Store = (*Store)(nil)

// Open opens the file, or makes it, and sets damaged records aside. It fails if
// another process has the file open, if none of the keys opens it, or if it is
// damaged as a whole; it then leaves the file as it is. Close the Store after use.
func Open(o Options) (*Store, error) {
	s, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("vault %s: %w", o.Path, err)
	}
	go s.run()
	return s, nil
}

func open(o Options) (*Store, error) {
	db, err := openFile(o.Path, way(toKeep, o.TrustDirectory))
	if err != nil {
		return nil, err
	}
	s := &Store{
		options: o, db: db, update: db.Update,
		wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
		closing: make(chan struct{}), done: make(chan struct{}),
		dirty: make(map[vault.Key]*entry), states: make(map[vault.Key]vault.Sealed),
	}
	var fresh bool
	if s.key, fresh, err = unlock(db, o.Keys); err == nil {
		err = errors.Join(s.readSeals(), s.setDamagedAside(), db.clearLeftover())
	}
	if err == nil {
		s.wrapped, err = db.wrapped()
	}
	if err != nil {
		return nil, errors.Join(explain(err), db.shut())
	}
	if fresh {
		o.Log.WithField("path", o.Path).Info("vault: the file is new, nothing was kept before")
	}
	return s, nil
}

// Identity returns a keyed hash for what must mean the same in the next process,
// but must not be guessed from the file. Its key lies in the file, wrapped.
func (s *Store) Identity() hash.Hash { return s.key.newIdentity() }

// Save keeps rec in memory and has it written to the file within a tenth of a second.
func (s *Store) Save(rec *vault.Record) {
	s.take(rec)
	poke(s.wake)
}

// SaveNow keeps rec in memory and has it written to the file at once.
func (s *Store) SaveNow(rec *vault.Record) {
	s.take(rec)
	poke(s.hurry)
}

// take keeps rec in memory for the writer.
func (s *Store) take(rec *vault.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	next := &entry{rec: rec}
	if state, ok := s.states[rec.Key]; ok {
		if rec.State.Same(state) {
			delete(s.states, rec.Key)
		} else {
			next.rec, next.state = withState(rec, rec.Key, state), state
		}
	}
	if before := s.dirty[rec.Key]; before != nil {
		if before.rec != nil && before.rec.Revision > rec.Revision {
			return
		}
		next.gone = before.gone
	}
	s.dirty[rec.Key] = next
}

// SaveState replaces the provider state of the record kept under key, and returns
// when the file has it and was synced. When it fails the state is kept in memory,
// and written as soon as that succeeds.
func (s *Store) SaveState(ctx context.Context, key vault.Key, state vault.Sealed) error {
	return s.await(ctx, func() { s.noteState(key, state) })
}

// Flush returns when what was saved before is in the file and was synced.
func (s *Store) Flush(ctx context.Context) error {
	return s.await(ctx, func() {})
}

// await notes something, has the writer write at once and waits for that.
func (s *Store) await(ctx context.Context, note func()) error {
	written := make(chan error, 1)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	note()
	s.waiting = append(s.waiting, written)
	s.mu.Unlock()
	poke(s.hurry)
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
		return fmt.Errorf("vault: the disk is slow: %w", context.Cause(ctx))
	}
}

func (s *Store) noteState(key vault.Key, state vault.Sealed) {
	next := &entry{state: state}
	if before := s.dirty[key]; before != nil {
		next.gone = before.gone
		if before.rec != nil {
			next.rec = withState(before.rec, key, state)
		}
	}
	s.states[key], s.dirty[key] = state, next
}

// Delete forgets what is kept under key, within a tenth of a second.
func (s *Store) Delete(key vault.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	delete(s.states, key)
	s.dirty[key] = &entry{gone: true}
	poke(s.wake)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Health is how a [Store] is.
type Health struct {
	Degraded bool      // the last write failed, and is tried again and again, or hangs
	Since    time.Time // of the first write that failed or hangs
	Err      error     // of the last one
	Unsaved  int       // records that are newer in memory than in the file
	Damaged  []string  // services whose records were set aside at start
}

// Health returns how the Store is.
func (s *Store) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.health
	h.Unsaved = len(s.dirty)
	return h
}

// Close writes what the file does not have yet and closes it. The error says that
// this failed. Closing again is harmless.
func (s *Store) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		close(s.closing)
	})
	<-s.done
	return s.err
}
