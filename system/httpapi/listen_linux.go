package httpapi

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// bindWith makes a socket with that mode, less what the umask takes away. Linux takes a
// socket file's permissions from those of the descriptor that is bound, so they are set
// there first: chmod afterwards would leave a moment in which the umask alone decides,
// and the umask belongs to the whole process.
func bindWith(ctx context.Context, path string, mode fs.FileMode) (*net.UnixListener, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var chmod error
		control := c.Control(func(fd uintptr) { chmod = syscall.Fchmod(int(fd), uint32(mode.Perm())) })
		return errors.Join(control, chmod)
	}}
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}

// chmod changes the mode of the file at path if it still is the one that was made, and
// follows no link.
func chmod(path string, made fs.FileInfo, mode fs.FileMode) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), path)
	defer func() { _ = f.Close() }() // it was only named
	if info, err := f.Stat(); err != nil || !os.SameFile(info, made) {
		return errors.Join(errReplaced, err)
	}
	err = os.Chmod("/proc/self/fd/"+strconv.Itoa(fd), mode)
	if errors.Is(err, fs.ErrNotExist) { // there is no /proc, and no other way
		err = os.Chmod(path, mode)
	}
	return err
}
