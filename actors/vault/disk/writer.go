package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.etcd.io/bbolt"

	"tokend/actors/vault"
)

const (
	// linger is how long after a write the writer waits for more to write at once, and
	// least how long it does after a rest. Both are short: what is not in the file when
	// the process is killed is acquired again.
	linger = 80 * time.Millisecond
	least  = 30 * time.Millisecond
	// A write that failed is tried again after retryFirst, then after twice that,
	// and so on.
	retryFirst = time.Second
	retryMost  = 30 * time.Second
	// slowWrite is how long a write may take before it counts as one that hangs.
	slowWrite = 5 * time.Second
)

// run is the writer.
func (s *Store) run() {
	defer close(s.done)
	var (
		due   <-chan time.Time // nil: nothing is to be written that the writer knows of
		pause = linger
		last  time.Time // when the last write ended
	)
	for {
		select {
		case <-s.wake:
			if due == nil { // else a stream of records would put it off for ever
				due = time.After(max(pause-time.Since(last), least))
			}
			continue
		case <-s.hurry:
		case <-due:
		case <-s.closing:
			s.finish()
			return
		}
		due = nil
		err := s.write()
		if last = time.Now(); err != nil {
			pause = min(max(2*pause, retryFirst), retryMost)
			due = time.After(pause)
		} else {
			pause = linger
		}
	}
}

// finish writes what is left and closes the file.
func (s *Store) finish() {
	err := s.write()
	if err != nil {
		err = fmt.Errorf("vault %s: the newest records are lost: %w", s.options.Path, err)
	}
	s.err = errors.Join(err, s.db.shut())
}

// write brings the file up to date, in one transaction that is synced.
func (s *Store) write() error {
	began := time.Now()
	s.mu.Lock()
	batch, waiting := maps.Clone(s.dirty), s.waiting
	s.waiting, s.writing = nil, began
	s.mu.Unlock()
	defer time.AfterFunc(slowWrite, func() { s.noteSlow(began) }).Stop()
	err := s.usable() // also with nothing to write: whoever waits must hear of it
	if err == nil && len(batch) > 0 {
		err = s.db.transact(func(func()) error {
			return s.update(func(tx *bbolt.Tx) error { return s.putAll(tx, batch) })
		})
	}
	err = plain(err)
	s.settle(batch, err)
	for _, w := range waiting {
		w <- err
	}
	return err
}

// settle notes how a write went.
func (s *Store) settle(batch map[vault.Key]*entry, err error) {
	s.mu.Lock()
	began := s.writing
	s.writing = time.Time{}
	if err == nil {
		for key, e := range batch {
			if s.dirty[key] == e {
				delete(s.dirty, key)
			}
		}
	}
	before := s.note(began, err)
	s.mu.Unlock()
	s.report(before, err)
}

var errSlow = errors.New("the disk does not answer")

// noteSlow notes that the write that began then hangs, if it has not ended by now.
func (s *Store) noteSlow(began time.Time) {
	s.mu.Lock()
	if !s.writing.Equal(began) {
		s.mu.Unlock()
		return
	}
	before := s.note(began, errSlow)
	s.mu.Unlock()
	s.report(before, errSlow)
}

// note sets the health after a write that began then, and returns whether it was
// degraded before. The caller holds the lock.
func (s *Store) note(began time.Time, err error) (before bool) {
	before = s.health.Degraded
	s.health.Degraded, s.health.Err = err != nil, err
	switch {
	case err == nil:
		s.health.Since = time.Time{}
	case !before:
		s.health.Since = began
	}
	return before
}

// report tells the log of trouble once when it begins, and once when it ends.
func (s *Store) report(before bool, err error) {
	log := s.options.Log.WithField("path", s.options.Path)
	switch {
	case err != nil && !before:
		log.WithError(err).Error("vault: records cannot be written; they are kept in memory, and would be lost at a restart")
	case err != nil:
		log.WithError(err).Debug("vault: records can still not be written")
	case before:
		log.Warn("vault: records can be written again, and were")
	}
}

func (s *Store) putAll(tx *bbolt.Tx, batch map[vault.Key]*entry) error {
	b := tx.Bucket(recordsBucket)
	for key, e := range batch {
		if err := s.put(b, key, e); err != nil {
			return err
		}
	}
	return s.countSeals(tx, len(batch))
}

// countSeals notes what the data key has sealed, or nearly so, over all processes.
func (s *Store) countSeals(tx *bbolt.Tx, n int) error {
	fresh := s.seals < sealsPerKey
	s.seals += uint64(n) //nolint:gosec // a length
	if fresh && s.seals >= sealsPerKey {
		s.options.Log.WithField("path", s.options.Path).Error(textWorn)
	}
	return putSeals(tx, s.seals)
}

func putSeals(tx *bbolt.Tx, n uint64) error {
	return tx.Bucket(metaBucket).Put(sealsKey, binary.BigEndian.AppendUint64(nil, n))
}

const textWorn = "vault: the data key has sealed as much as is good for it: stop the node and run tokend vault key rotate"

// put brings one record up to date.
func (s *Store) put(b *bbolt.Bucket, key vault.Key, e *entry) error {
	kept := b.Get(place(key))
	if e.gone {
		kept = nil
	}
	newer := func() bool {
		h, err := parseHeader(kept)
		return err == nil && e.rec.Revision < h.revision
	}
	switch {
	case e.rec != nil && !newer():
		h, c, err := contentOf(e.rec)
		return s.putContent(b, key, h, c, err)
	case !e.state.IsZero():
		h, c, err := s.key.unpack(key, kept)
		if err != nil { // none, or damaged: the state is all there is
			h, c = header{}, content{}
		}
		clear(c.State)
		c.State, err = e.state.OpenBytes()
		return s.putContent(b, key, h, c, err)
	case e.gone && e.rec == nil:
		return b.Delete(place(key))
	default:
		return nil
	}
}

// putContent writes a record. One whose boxes were changed in memory, or that cannot
// be written at all, is left out: it must not keep the others from being written.
func (s *Store) putContent(b *bbolt.Bucket, key vault.Key, h header, c content, err error) error {
	defer c.wipe()
	var value []byte
	if err == nil {
		value, err = s.key.pack(key, h, c)
	}
	if err != nil {
		s.options.Log.WithField("service", key.Service).WithError(err).Error("vault: a record cannot be written")
		return nil
	}
	return b.Put(place(key), value)
}
