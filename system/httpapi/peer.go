package httpapi

import (
	"net"

	"tokend/system/access"
)

// PeerOf returns the process at the other end of a Unix socket: for a server the one
// that connected, for a client the one that listens; nil if the system does not tell.
func PeerOf(c *net.UnixConn) *access.Peer { return peerOf(c) }
