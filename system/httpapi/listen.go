package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"
)

// Endpoint is where a door is opened.
type Endpoint struct {
	Address string      // unix:///absolute/path or tcp://127.0.0.1:7460
	Mode    fs.FileMode // permission bits of a Unix socket; 0: 0600
	Group   string      // name or number of a Unix socket's group; empty: the process's own
}

const (
	unixScheme = "unix://"
	tcpScheme  = "tcp://"
)

// Listen opens e.
//
// A Unix socket has its permissions before anybody can connect. It replaces one
// that was left behind, but neither one on which somebody still listens nor
// anything that is not a socket. It is removed when the listener is closed. A TCP
// listener must be on loopback.
func Listen(ctx context.Context, e Endpoint) (net.Listener, error) {
	var (
		l   net.Listener
		err error
	)
	if path, ok := strings.CutPrefix(e.Address, unixScheme); ok {
		l, err = listenUnix(ctx, path, e)
	} else if hostport, ok := strings.CutPrefix(e.Address, tcpScheme); ok {
		l, err = listenTCP(ctx, hostport)
	} else {
		err = errors.New("an address begins with unix:// or tcp://")
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", e.Address, err)
	}
	return l, nil
}

func listenTCP(ctx context.Context, hostport string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, errors.New("a TCP address has a host and a port, such as tcp://127.0.0.1:7460")
	}
	if !isLoopback(host) {
		return nil, errors.New("only loopback addresses are served on TCP; use 127.0.0.1, [::1] or localhost")
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", hostport)
	if err != nil {
		return nil, explainTCP(err)
	}
	// A name is as loopback as the resolver says.
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("%s is not a loopback address here; use 127.0.0.1", host), l.Close())
	}
	return l, nil
}

func explainTCP(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return errors.New("the port is taken; stop what listens there or choose another port")
	case errors.Is(err, syscall.EACCES):
		return errors.New("no permission for this port; choose one above 1023")
	default:
		return err
	}
}
