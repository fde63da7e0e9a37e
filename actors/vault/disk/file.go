package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// lockPatience is how long to wait for a node that is just ending.
const lockPatience = time.Second

// The buckets of the file, and what stands in the first.
var (
	metaBucket    = []byte("tokend")
	recordsBucket = []byte("records")
	damagedBucket = []byte("damaged")
	formatKey     = []byte("format")
	wrappedKey    = []byte("data_key")
	fileFormat    = []byte("1")
)

var (
	errBusy      = errors.New("another process has this vault open")
	errBroken    = errors.New("the file is damaged, or no vault: it is left as it is; move it away to start without")
	errNewer     = errors.New("the file has a format that this version does not know")
	errNoKeys    = errors.New("no key is given")
	errReplaced  = errors.New("the file was replaced while it was opened: try again")
	errIrregular = errors.New("not a regular file")
)

// openFile opens the database, and makes it if that is to be. Whatever the file
// holds, it does not crash the process.
func openFile(path string, readOnly bool) (*bbolt.DB, error) {
	if err := inspectPath(path, readOnly); err != nil {
		return nil, err
	}
	var (
		db   *bbolt.DB
		file *os.File
	)
	err := guarded(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: lockPatience, ReadOnly: readOnly, NoStatistics: true,
			OpenFile: func(name string, flag int, mode fs.FileMode) (_ *os.File, err error) {
				file, err = os.OpenFile(name, flag, mode)
				return file, err
			},
		})
		return err
	})
	if err == nil {
		if err = examine(db, path, file); err == nil {
			return db, nil
		}
		_ = db.Close()
	} else if file != nil {
		release(file)
		_ = file.Close() // a crash has left it open
	}
	return nil, explain(err)
}

// inspectPath looks for what bbolt would not mind, and makes the directory.
func inspectPath(path string, readOnly bool) error {
	if !readOnly {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return plain(err)
		}
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return plain(err)
	}
	if open := dir.Mode().Perm() & 0o022; open != 0 && dir.Mode()&fs.ModeSticky == 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("its directory may be written by others (mode %#o): make it 0700", dir.Mode().Perm())
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !readOnly:
		return nil
	case err != nil:
		return plain(err)
	case !info.Mode().IsRegular():
		return errIrregular
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return fmt.Errorf("others may use it (mode %#o): make it 0600", info.Mode().Perm())
	}
	return nil
}

// examine tells whether the path still leads to the file that is locked, and
// whether the file has all the pages that it speaks of: reading one that is not
// there would end the process.
func examine(db *bbolt.DB, path string, file *os.File) error {
	held, err := file.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(held, there) {
		return errReplaced
	}
	return guarded(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			if tx.Size() > held.Size() {
				return errBroken
			}
			return nil
		})
	})
}

// explain says in our words what bbolt complains about.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return errBusy
	case strings.HasPrefix(err.Error(), "file size too small"): // bbolt has no value for it
		return errBroken
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return errBroken
	}
	return plain(err)
}

// plain strips what repeats the path, which whoever asked adds.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// guarded calls f and makes an error of its panics: bbolt trusts the structure of
// its file, and reading a page that is not there is a fault.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			err = errBroken
		}
	}()
	return f()
}

// unlock returns the data key of the file. A file without one is new and gets one,
// unless it is only read. One that was wrapped by another key than the first is
// wrapped anew.
func unlock(db *bbolt.DB, keys []Key) (*dataKey, error) {
	if len(keys) == 0 || !keys[0].usable() {
		return nil, errNoKeys
	}
	var (
		data *dataKey
		by   int
	)
	err := guarded(func() error {
		return db.View(func(tx *bbolt.Tx) (err error) {
			data, by, err = readMeta(tx, keys)
			return err
		})
	})
	switch {
	case err != nil:
		return nil, err
	case db.IsReadOnly() || data != nil && by == 0:
		if data == nil {
			return nil, errBroken
		}
		return data, nil
	case data == nil:
		data = newDataKey(nil)
	}
	err = guarded(func() error {
		return db.Update(func(tx *bbolt.Tx) error { return writeMeta(tx, data.wrap(keys[0])) })
	})
	return data, errors.Join(err, syncDir(filepath.Dir(db.Path()))) // the file itself may be new
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
