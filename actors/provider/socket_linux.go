package provider

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// control calls f with the descriptor of a connection that has one.
func control(conn net.Conn, f func(fd int)) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	return err == nil && raw.Control(func(fd uintptr) { f(int(fd)) }) == nil
}

// bear has the kernel end the connection when the other end has acknowledged nothing
// for that long; 0 leaves the time to the kernel.
func bear(conn net.Conn, bound time.Duration) {
	control(conn, func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(bound.Milliseconds()))
	})
}

// queued returns how much of what was written the other end has not acknowledged, if
// that is known.
func queued(conn net.Conn) (bytes int, known bool) {
	var err error
	asked := control(conn, func(fd int) { bytes, err = unix.IoctlGetInt(fd, unix.SIOCOUTQ) })
	return bytes, asked && err == nil
}
