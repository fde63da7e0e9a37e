package httpapi

import (
	"net"
	"syscall"

	"tokend/system/access"
)

// PeersKnown tells whether this system says which user is at the other end of a
// Unix socket.
const PeersKnown = true

// peerOf returns the process that connected, as it was then; nil if the kernel
// does not say.
func peerOf(c *net.UnixConn) *access.Peer {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	var peer *access.Peer
	if raw.Control(func(fd uintptr) {
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			peer = &access.Peer{UID: cred.Uid, GID: cred.Gid, PID: int(cred.Pid)}
		}
	}) != nil {
		return nil
	}
	return peer
}
