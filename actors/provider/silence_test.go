package provider

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections need no network.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// cuttable is a connection that can lose what is sent over it in silence.
type cuttable struct {
	net.Conn

	cut atomic.Bool
}

func (c *cuttable) Write(b []byte) (int, error) {
	if c.cut.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// A connection that went dead in silence, as when a firewall forgets it, is no
// more than one acquisition's trouble. The system would try to deliver for a
// quarter of an hour, and HTTP/2 has all requests to a host share a connection.
func TestADeadConnectionIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		pair, _, _ := ca.issue(t, hour())
		listener := &pipes{make(chan net.Conn), make(chan struct{})}
		server := &http.Server{Handler: says(200, goodAnswer), TLSConfig: serverTLS(pair), ErrorLog: quiet()}
		go func() { _ = server.ServeTLS(listener, "", "") }()
		defer func() { _ = server.Close() }()

		synctest.Wait()
		var dialled []*cuttable
		settings := client(t, "https://127.0.0.1/")
		settings.TLS.CAFile = ca.file
		settings.Transports.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			here, there := net.Pipe()
			listener.conns <- there
			conn := &cuttable{Conn: here}
			dialled = append(dialled, conn)
			return conn, nil
		}
		p := mustClient(t, settings)
		acquire(t, p)
		dialled[0].cut.Store(true)
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 2*silence+time.Second)
			_, err := Acquire(ctx, p, Request{Service: "billing"})
			cancel()
			if err == nil {
				break
			}
		}
		if len(dialled) != 2 {
			t.Errorf("%d connections were made, want a second one", len(dialled))
		}
		settings.Transports.Close()
	})
}
