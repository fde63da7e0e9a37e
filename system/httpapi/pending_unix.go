//go:build unix

package httpapi

import (
	"net"
	"syscall"
)

// pending reports whether the system has bytes of c that were not read yet.
func pending(c net.Conn) bool {
	s, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	there := false
	err = raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		there = err == nil && n > 0
	})
	return err == nil && there
}
