package disk

import (
	"bytes"
	"errors"
	"io"
	"os"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// transact calls do, which has the database call begun once a transaction is under
// way, and makes an error of a crash. One that may have left bbolt's locks taken ends
// the use of the database: whoever wanted a lock, be it to close it, would wait for
// ever.
func (f *file) transact(do func(begun func()) error) error {
	if f.crashed.Load() {
		return errBroken
	}
	safe := false
	err := guarded(func() error {
		err := do(func() { safe = true })
		safe = true
		return err
	})
	if !safe {
		f.crashed.Store(true)
	}
	return err
}

// view reads the database, which may be closed meanwhile.
func (f *file) view(read func(*bbolt.Tx) error) error {
	err := f.transact(func(begun func()) error {
		return f.View(func(tx *bbolt.Tx) error {
			begun() // bbolt ends a reading transaction without a look at the file
			return read(tx)
		})
	})
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return errClosed
	}
	return err
}

// write changes the database.
func (f *file) write(change func(*bbolt.Tx) error) error {
	return f.transact(func(func()) error { return f.Update(change) })
}

// shut closes the database, or gives the file up if that cannot be done any more.
func (f *file) shut() error {
	if f.crashed.Load() {
		abandon(f.handle)
		return nil
	}
	return f.Close()
}

// abandon gives up a file, and its lock, that a crashed database has open. What is
// mapped of it stays so until the process ends.
func abandon(opened *os.File) {
	release(opened)
	_ = opened.Close()
}

// legible returns an error unless all of the file can be read. A page that cannot be
// is an error here, and would be a fault where the file is mapped.
func (f *file) legible() error {
	there, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { _ = there.Close() }()
	switch size, err := io.Copy(io.Discard, there); {
	case err != nil:
		return err
	case size < f.info.Size():
		return errBroken
	}
	return nil
}

// usable returns nil if the file can be written to. After a crash it opens the file
// anew.
func (s *Store) usable() error {
	switch {
	case s.db.replaced():
		return errGone
	case s.db.crashed.Load():
		return s.reopen()
	}
	return nil
}

func (s *Store) reopen() error {
	if err := s.db.legible(); err != nil {
		return err
	}
	_ = s.db.shut()
	db, err := openFile(s.options.Path, way(toKeep, s.options.TrustDirectory))
	if err != nil {
		return err
	}
	if wrapped, err := db.wrapped(); err != nil || !bytes.Equal(wrapped, s.wrapped) {
		return errors.Join(errBroken, db.shut())
	}
	s.mu.Lock()
	s.db, s.update = db, db.Update
	s.mu.Unlock()
	return nil
}

// wrapped returns the data key as it lies in the file.
func (f *file) wrapped() (wrapped []byte, err error) {
	err = f.view(func(tx *bbolt.Tx) error {
		if meta := tx.Bucket(metaBucket); meta != nil {
			wrapped = bytes.Clone(meta.Get(wrappedKey))
		}
		return nil
	})
	return wrapped, err
}
