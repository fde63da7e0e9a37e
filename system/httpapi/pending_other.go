//go:build !unix

package httpapi

import "net"

// pending is not known here.
func pending(net.Conn) bool { return false }
