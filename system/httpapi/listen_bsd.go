//go:build unix && !linux

package httpapi

import (
	"context"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// umask belongs to the whole process: two that change it must take turns.
var umask sync.Mutex

// bindWith makes a socket with that mode, as far as it is the owner's: files that other
// goroutines make at this moment get narrower permissions too, never wider.
func bindWith(ctx context.Context, path string, mode fs.FileMode) (*net.UnixListener, error) {
	umask.Lock()
	defer umask.Unlock()
	old := syscall.Umask(0o777 &^ int(mode&socketMode))
	defer syscall.Umask(old)
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}

// chmod changes the mode of the file at path if it still is the one that was made, and
// follows no link.
func chmod(path string, made fs.FileInfo, mode fs.FileMode) error {
	if now, err := os.Lstat(path); err != nil || !os.SameFile(now, made) {
		return errReplaced
	}
	return unix.Fchmodat(unix.AT_FDCWD, path, uint32(mode.Perm()), unix.AT_SYMLINK_NOFOLLOW)
}
