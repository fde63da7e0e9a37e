//go:build !unix

package httpapi

import (
	"context"
	"errors"
	"net"
)

func listenUnix(context.Context, string, Endpoint) (net.Listener, error) {
	return nil, errors.New("there are no Unix sockets on this system; use tcp://127.0.0.1:7460")
}
