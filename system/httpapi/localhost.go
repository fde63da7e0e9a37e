package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
)

// localhost is what the name means, whatever the resolver says: clients may ask either
// address, and whoever has taken the one that the node does not have would be asked.
var localhost = []string{"127.0.0.1", "::1"}

// portTries is how often a free port is looked for that both addresses have.
const portTries = 16

// isLocalhost reports whether a listener is to be at both addresses.
func isLocalhost(hostport string) (port string, ok bool) {
	host, port, err := net.SplitHostPort(hostport)
	return port, err == nil && strings.EqualFold(host, "localhost")
}

// listenLocalhost listens at those of both addresses that the machine has. One that is
// taken is an error: of any port (0) another one is tried then.
func listenLocalhost(ctx context.Context, port string) (net.Listener, error) {
	tries := 1
	if port == "0" {
		tries = portTries
	}
	var err error
	for range tries {
		var l *several
		if l, err = listenBoth(ctx, port); err == nil {
			return l, nil
		}
		if !errors.Is(err, ErrPortTaken) {
			return nil, err
		}
	}
	return nil, err
}

func listenBoth(ctx context.Context, port string) (*several, error) {
	var (
		opened []net.Listener
		absent []error
	)
	for _, host := range localhost {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
		switch {
		case err == nil:
			opened = append(opened, l)
			_, port, _ = net.SplitHostPort(l.Addr().String()) // an address has one
		case isAbsent(err):
			absent = append(absent, err)
		default:
			_ = closeAll(opened)
			return nil, fmt.Errorf("%s: %w", net.JoinHostPort(host, port), explainTCP(err))
		}
	}
	if len(opened) == 0 {
		return nil, errors.Join(absent...)
	}
	return newSeveral(opened), nil
}

// isAbsent reports whether the machine does not have the address.
func isAbsent(err error) bool {
	for _, absent := range absentErrnos {
		if errors.Is(err, absent) {
			return true
		}
	}
	_, unsuitable := errors.AsType[*net.AddrError](err) // of a family that the system lacks
	return unsuitable
}

func closeAll(all []net.Listener) error {
	var errs []error
	for _, l := range all {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// several are listeners that are one. Its address is that of the first.
type several struct {
	all     []net.Listener
	came    chan arrival
	closing chan struct{}
	begin   sync.Once // of accepting
	end     sync.Once
	waiting sync.WaitGroup
	err     error // of the end
}

// arrival is what a listener has accepted, or why it has not.
type arrival struct {
	conn net.Conn
	err  error
}

func newSeveral(all []net.Listener) *several {
	return &several{all: all, came: make(chan arrival), closing: make(chan struct{})}
}

// Addr is that of [net.Listener].
func (s *several) Addr() net.Addr { return s.all[0].Addr() }

// Accept is that of [net.Listener].
func (s *several) Accept() (net.Conn, error) {
	s.begin.Do(func() {
		for _, l := range s.all {
			s.waiting.Go(func() { s.accept(l) })
		}
	})
	select {
	case a := <-s.came:
		return a.conn, a.err
	case <-s.closing:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: s.Addr(), Err: net.ErrClosed}
	}
}

// accept hands on what comes to one of the listeners until all are closed.
func (s *several) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		select {
		case s.came <- arrival{conn, err}:
		case <-s.closing:
			if conn != nil {
				_ = conn.Close() // no one takes it any more
			}
			return
		}
	}
}

// Close is that of [net.Listener]. No goroutine is left behind.
func (s *several) Close() error {
	again := true
	s.end.Do(func() {
		again = false
		close(s.closing)
		s.err = closeAll(s.all)
		s.begin.Do(func() {}) // nothing is accepted any more
		s.waiting.Wait()
	})
	if again {
		return net.ErrClosed
	}
	return s.err
}
