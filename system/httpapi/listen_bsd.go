//go:build unix && !linux

package httpapi

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// umask belongs to the whole process: two that change it must take turns.
var umask sync.Mutex

// bindPrivate makes a socket that only its owner can open. Files that other
// goroutines make at this moment get narrower permissions too, never wider.
func bindPrivate(ctx context.Context, path string) (*net.UnixListener, error) {
	umask.Lock()
	defer umask.Unlock()
	old := syscall.Umask(0o777 &^ socketMode)
	defer syscall.Umask(old)
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}
