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
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"tokend/actors/local"
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
	sealsKey      = []byte("seals")
	fileFormat    = []byte("1")
)

var (
	errBusy      = errors.New("another process has this vault open")
	errBroken    = errors.New("the file is damaged, or no vault: it is left as it is; move it away to start without")
	errNewer     = errors.New("the file has a format that this version does not know")
	errNoKeys    = errors.New("no key is given")
	errReplaced  = errors.New("the file was replaced while it was opened: try again")
	errIrregular = errors.New("not a regular file")
	errDangling  = errors.New("a symbolic link that leads nowhere")
	errGone      = errors.New("the file was moved, removed or replaced while it is in use: what is written would not be found at the next start")
)

// file is an open database.
type file struct {
	*bbolt.DB
	path   string
	handle *os.File    // bbolt's
	info   fs.FileInfo // of what is locked

	crashed atomic.Bool // see transact
}

// The ways to open a file.
const (
	toRead   = iota // changes nothing, and makes no file
	toWrite         // by whoever may: the administrator, too
	toKeep          // by a node, whose alone it must be; makes what is not there
	toCreate        // it must not be there

	anywhere = 1 << 8 // besides: who can change the directory is trusted
)

// way is one of the ways to open a file, and whether it may be in any directory.
func way(how int, trust bool) int {
	if trust {
		return how | anywhere
	}
	return how
}

// openFile opens the database. Whatever the file holds, it does not crash the
// process.
func openFile(path string, how int) (*file, error) {
	path, err := inspectPath(path, how)
	if err != nil {
		return nil, err
	}
	how &^= anywhere
	var (
		db     *bbolt.DB
		opened *os.File
	)
	err = guarded(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: lockPatience, ReadOnly: how == toRead, NoStatistics: true,
			OpenFile: func(name string, flag int, mode fs.FileMode) (_ *os.File, err error) {
				if how == toCreate {
					flag |= os.O_EXCL
				}
				opened, err = os.OpenFile(name, flag, mode) //nolint:gosec // the configured file
				return opened, err
			},
		})
		return err
	})
	if err == nil {
		var f *file
		if f, err = examine(db, opened); err == nil {
			return f, nil
		}
		_ = db.Close()
	} else if opened != nil {
		abandon(opened) // a crash has left it open
	}
	return nil, explain(err)
}

// inspectPath looks for what bbolt would not mind, makes the directory, and returns
// the path without symbolic links.
func inspectPath(path string, how int) (string, error) {
	trust := how&anywhere != 0
	how &^= anywhere
	if how == toKeep {
		if err := safe(filepath.Dir(path), how, trust); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", plain(err)
		}
	}
	path, info, err := resolve(path)
	if err != nil {
		return "", plain(err)
	}
	if err := safe(filepath.Dir(path), how, trust); err != nil {
		return "", err
	}
	switch {
	case info == nil && (how == toKeep || how == toCreate):
		return path, nil
	case info == nil:
		return "", syscall.ENOENT
	case !info.Mode().IsRegular():
		return "", errIrregular
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return "", fmt.Errorf("others may use it (mode %#o): make it 0600", info.Mode().Perm())
	}
	if err := owned(info); err != nil && how == toKeep {
		return "", fmt.Errorf("it %w", err)
	}
	return path, nil
}

// safe returns an error if others can change the directory, or the way to it. For whoever
// is not the node, its user is none of them.
func safe(dir string, how int, trust bool) error {
	if trust {
		return nil
	}
	d, err := local.WalkFar(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // it was only looked at
	for _, weak := range d.Weak {
		others := true
		if how != toKeep {
			weak, others = weak.But(ownerOf(d.Info), -1)
		}
		if others {
			return fmt.Errorf("%w: make it 0700, and let only root and this user change what is above it, or set vault.trust_directory", &local.ExposedError{Weak: weak})
		}
	}
	switch mode := d.Info.Mode(); {
	case d.Short:
		return fs.ErrNotExist
	case mode.Perm()&0o022 != 0 && mode&fs.ModeSticky == 0 && runtime.GOOS != "windows": // a group of this user's own, too
		return fmt.Errorf("its directory may be written by others (mode %#o): make it 0700", mode.Perm())
	default:
		return nil
	}
}

// resolve returns the path without symbolic links, and what stands there, if
// anything does.
func resolve(path string) (string, fs.FileInfo, error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, filepath.Base(path))
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, nil, nil
	case err != nil:
		return "", nil, err
	case info.Mode()&fs.ModeSymlink == 0:
		return path, info, nil
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", nil, errDangling
	}
	info, err = os.Stat(path)
	return path, info, err
}

// examine tells whether the path still leads to the file that is locked, and
// whether the file has all the pages that it speaks of: reading one that is not
// there would end the process.
func examine(db *bbolt.DB, opened *os.File) (*file, error) {
	info, err := opened.Stat()
	if err != nil {
		return nil, err
	}
	f := &file{DB: db, path: db.Path(), handle: opened, info: info}
	if f.replaced() {
		return nil, errReplaced
	}
	return f, guarded(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			if tx.Size() > info.Size() {
				return errBroken
			}
			return nil
		})
	})
}

// replaced reports whether the path no longer leads to the file.
func (f *file) replaced() bool {
	there, err := os.Stat(f.path)
	return err != nil || !os.SameFile(f.info, there)
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
