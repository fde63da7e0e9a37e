package disk

import (
	"encoding/binary"
	"errors"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// unlock returns the data key of the file. A file without one is new and gets one,
// unless it is only read. One that was wrapped by another key than the first is
// wrapped anew.
func unlock(db *file, keys []Key) (data *dataKey, fresh bool, err error) {
	if len(keys) == 0 || !keys[0].usable() {
		return nil, false, errNoKeys
	}
	var by int
	err = db.view(func(tx *bbolt.Tx) (err error) {
		data, by, err = readMeta(tx, keys)
		return err
	})
	switch {
	case err != nil:
		return nil, false, err
	case db.IsReadOnly() || data != nil && by == 0:
		if data == nil {
			return nil, false, errBroken
		}
		return data, false, nil
	case data == nil:
		data, fresh = newDataKey(nil), true
	}
	err = db.write(func(tx *bbolt.Tx) error { return writeMeta(tx, data.wrap(keys[0])) })
	return data, fresh, errors.Join(err, syncDir(filepath.Dir(db.Path()))) // the file itself may be new
}

// readMeta returns no key and no error for a file that is empty.
func readMeta(tx *bbolt.Tx, keys []Key) (*dataKey, int, error) {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		if name, _ := tx.Cursor().First(); name != nil {
			return nil, 0, errBroken // somebody else's database
		}
		return nil, 0, nil
	}
	if format := meta.Get(formatKey); string(format) != string(fileFormat) {
		return nil, 0, errNewer
	}
	if tx.Bucket(recordsBucket) == nil || tx.Bucket(damagedBucket) == nil {
		return nil, 0, errBroken
	}
	return unwrap(meta.Get(wrappedKey), keys)
}

func writeMeta(tx *bbolt.Tx, wrapped []byte) error {
	for _, name := range [][]byte{metaBucket, recordsBucket, damagedBucket} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(metaBucket)
	return errors.Join(meta.Put(formatKey, fileFormat), meta.Put(wrappedKey, wrapped))
}

// readSeals reads how much the data key has sealed. What that says is not sealed:
// who can change it can do worse.
func (s *Store) readSeals() error {
	err := s.db.view(func(tx *bbolt.Tx) error {
		if text := tx.Bucket(metaBucket).Get(sealsKey); len(text) == 8 {
			s.seals = binary.BigEndian.Uint64(text)
		}
		return nil
	})
	if s.seals >= sealsPerKey {
		s.options.Log.WithField("path", s.options.Path).Error(textWorn)
	}
	return err
}
