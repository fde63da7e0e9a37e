//go:build !linux

package provider

import (
	"net"
	"time"
)

// bear does nothing here: what cannot be delivered is dropped when the request is
// given up.
func bear(net.Conn, time.Duration) {}

// queued is unknown here.
func queued(net.Conn) (bytes int, known bool) { return 0, false }
