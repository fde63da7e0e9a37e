package httpapi

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// bindPrivate makes a socket that only its owner can open. Linux takes a socket
// file's permissions from those of the descriptor that is bound, so they are set
// there first: chmod afterwards would leave a moment in which the umask alone
// decides, and the umask belongs to the whole process.
func bindPrivate(ctx context.Context, path string) (*net.UnixListener, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var chmod error
		control := c.Control(func(fd uintptr) { chmod = syscall.Fchmod(int(fd), socketMode) })
		return errors.Join(control, chmod)
	}}
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}
