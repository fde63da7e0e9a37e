//go:build darwin || freebsd

package httpapi

import (
	"net"

	"golang.org/x/sys/unix"

	"tokend/system/access"
)

// PeersKnown tells whether this system says which user is at the other end of a
// Unix socket.
const PeersKnown = true

// peerOf returns the process that connected, as it was then; nil if the kernel
// does not say. The first of its groups is the effective one.
func peerOf(c *net.UnixConn) *access.Peer {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	var peer *access.Peer
	if raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		if err == nil && cred.Ngroups > 0 {
			peer = &access.Peer{UID: cred.Uid, GID: cred.Groups[0]}
		}
	}) != nil {
		return nil
	}
	return peer
}
