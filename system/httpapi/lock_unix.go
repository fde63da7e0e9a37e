//go:build unix && !solaris

package httpapi

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

const lockMode = 0o600

// lockFile locks the file at path, which it makes if there is none, until the
// returned lock is closed or the process ends. Removing the file would let two
// have the lock, one of the old file and one of the new.
func lockFile(path string) (io.Closer, error) {
	// A link would let whoever may write here make files elsewhere.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, lockMode)
	if err != nil {
		return nil, explainLock(err, path)
	}
	if err := flock(f); err != nil {
		return nil, errors.Join(explainLock(err, path), f.Close())
	}
	return f, nil
}

func flock(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is not a regular file; move it away or choose another path")
	}
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

func explainLock(err error, path string) error {
	_, missing := os.Lstat(path)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return errors.New("somebody listens there already, or is about to; stop it or choose another path")
	case errors.Is(err, fs.ErrPermission) && errors.Is(missing, fs.ErrNotExist):
		return explainUnix(err, path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission for %s; remove it if it is another user's, or choose another path", path)
	default:
		return fmt.Errorf("lock %s: %w", path, err)
	}
}
