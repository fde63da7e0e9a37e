package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"tokend/actors/vault"
)

// Entry tells what a file holds about one service, but no secret.
type Entry struct {
	Key         vault.Key
	Err         error // it does not open; what follows is zero
	Aside       bool  // it was damaged and set aside
	Generation  uint64
	Fingerprint string // empty: no access token
	State       bool   // there is a provider state
	CreatedAt   time.Time
	ExpiresAt   time.Time // zero: no expiry, or no access token
	Failure     string    // class of the last failure, empty if the last attempt succeeded
}

// Inspect lists what is in a file, by service. No node may have it open. It
// changes nothing.
func Inspect(path string, keys []Key) ([]Entry, error) {
	return Options{Path: path, Keys: keys}.Inspect()
}

// Inspect is the function Inspect for the file that o is about.
func (o Options) Inspect() ([]Entry, error) {
	entries, err := o.inspect()
	if err != nil {
		return nil, fmt.Errorf("vault %s: %w", o.Path, explain(err))
	}
	return entries, nil
}

func (o Options) inspect() (entries []Entry, err error) {
	db, err := openFile(o.Path, way(toRead, o.TrustDirectory))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.shut()) }()
	data, _, err := unlock(db, o.Keys)
	if err != nil {
		return nil, err
	}
	err = db.view(func(tx *bbolt.Tx) error {
		err := eachRecord(tx, data, func(key vault.Key, h header, c *content, err error) {
			entries = append(entries, entryOf(key, h, c, err))
		})
		return errors.Join(err, tx.Bucket(damagedBucket).ForEach(func(at, _ []byte) error {
			entries = append(entries, Entry{Key: keyAt(at), Err: errDamaged, Aside: true})
			return nil
		}))
	})
	return entries, err
}

// InUse reports whether another process, such as a node, has the file open. It waits
// a second for one that is just ending, and changes nothing. It is false for a file
// that this process may not open.
func InUse(path string) bool {
	db, err := openFile(path, toRead)
	if err == nil {
		_ = db.shut() // it was only read
	}
	return errors.Is(err, errBusy)
}

// eachRecord calls f with every record, or why it does not open.
func eachRecord(tx *bbolt.Tx, d *dataKey, f func(key vault.Key, h header, c *content, err error)) error {
	return tx.Bucket(recordsBucket).ForEach(func(at, value []byte) error {
		key := keyAt(at)
		h, c, err := d.unpack(key, value)
		defer c.wipe()
		f(key, h, &c, err)
		return nil
	})
}

func entryOf(key vault.Key, h header, c *content, err error) Entry {
	e := Entry{Key: key, Err: err}
	if err != nil {
		return e
	}
	e.Generation, e.Fingerprint, e.State = h.generation, c.Fingerprint, len(c.State) > 0
	e.CreatedAt, e.ExpiresAt = c.CreatedAt, c.ExpiresAt
	if c.Failure != nil {
		e.Failure = c.Failure.Class
	}
	return e
}

// Rotate gives a file a new data key, wrapped by the first of the keys, and seals
// every record anew; it returns how many. No node may have the file open. Records
// go to a new file that takes the place of the old one, since bbolt leaves in a
// file what was overwritten. Damaged records are an error: look at them first.
func Rotate(path string, keys []Key) (int, error) {
	return Options{Path: path, Keys: keys}.Rotate()
}

// Rotate is the function Rotate for the file that o is about.
func (o Options) Rotate() (int, error) {
	n, err := o.rotate()
	if err != nil {
		return 0, fmt.Errorf("vault %s: %w", o.Path, explain(err))
	}
	return n, nil
}

func (o Options) rotate() (n int, err error) {
	from, err := openFile(o.Path, way(toWrite, o.TrustDirectory))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, from.shut()) }()
	old, _, err := unlock(from, o.Keys)
	if err != nil {
		return 0, err
	}
	if err := from.clearLeftover(); err != nil {
		return 0, err
	}
	if n, err = from.reseal(old, o.Keys[0], o.TrustDirectory); err == nil && from.replaced() {
		err = errReplaced
	}
	if err == nil {
		err = errors.Join(from.giveWay(), os.Rename(from.next(), from.path))
	}
	if err != nil {
		return 0, errors.Join(err, from.clearLeftover())
	}
	return n, syncDir(filepath.Dir(from.path))
}

// next returns the path of the file that is to take this one's place. Who has this
// one open may do with that one what it wants.
func (f *file) next() string { return f.path + ".new" }

// clearLeftover removes what a rotation has left behind that was killed.
func (f *file) clearLeftover() error {
	if err := os.Remove(f.next()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// reseal copies the records to the next file under a new key.
func (f *file) reseal(old *dataKey, k Key, trust bool) (n int, err error) {
	to, err := openFile(f.next(), way(toCreate, trust))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, to.shut()) }()
	if err := giveTo(to.handle, f.info); err != nil { // root may do this to a node's file
		return 0, err
	}
	next := newDataKey(old.identity)
	err = f.view(func(src *bbolt.Tx) error {
		return to.write(func(dst *bbolt.Tx) (err error) {
			if err := writeMeta(dst, next.wrap(k)); err != nil {
				return err
			}
			if n, err = copyRecords(src, dst, old, next); err != nil {
				return err
			}
			return putSeals(dst, uint64(n)) //nolint:gosec // a count
		})
	})
	return n, err
}

func copyRecords(src, dst *bbolt.Tx, old, next *dataKey) (n int, err error) {
	err = src.Bucket(recordsBucket).ForEach(func(at, value []byte) error {
		key := keyAt(at)
		h, text, err := old.open(key, value)
		if err != nil {
			return fmt.Errorf("record of %.80q: %w", key.Service, err)
		}
		defer clear(text)
		n++
		return dst.Bucket(recordsBucket).Put(at, next.seal(key, h, text))
	})
	return n, err
}

// syncDir makes a rename durable where directories can be synced.
func syncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // the directory of the configured file
	if err != nil {
		return err
	}
	_ = dir.Sync() // not everywhere possible, and the rename itself has happened
	return dir.Close()
}
