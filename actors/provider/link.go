package provider

import (
	"container/list"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is a connection to a server, or to the proxy before it. Whatever ends it, be
// it the end of the process, drops what the other end has not got yet of a request:
// the kernel would go on delivering it, and a refresh token in it might arrive after
// the one that was sent in its place. It ends in peace only when nothing is owed.
type link struct {
	net.Conn

	batch *batch
	made  time.Duration // by stopwatch
	heard atomic.Int64  // when something was last read, by stopwatch

	users   int           // exchanges that have it; guarded by the routes
	resting *list.Element // where it waits for the next; guarded by the routes

	mu      sync.Mutex
	shared  bool          // it carries several requests at a time
	owed    int           // requests to which nothing was answered yet
	dear    int           // exchanges that have it and must not lose their answer
	bound   time.Duration // how long the kernel tries to deliver something; 0: as it likes
	closed  bool
	dropped bool // with what was on its way
}

var stopwatchBegan = time.Now()

// stopwatch is a monotonic clock.
func stopwatch() time.Duration { return time.Since(stopwatchBegan) }

func newLink(conn net.Conn, b *batch) *link {
	l := &link{Conn: conn, batch: b, made: stopwatch()}
	linger(conn, 0)
	b.add(l)
	return l
}

// linkOf returns the link below a connection that net/http uses, nil if there is
// none.
func linkOf(conn net.Conn) *link {
	for {
		switch c := conn.(type) {
		case *link:
			return c
		case *tls.Conn:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}

// Read notes that the other end is there.
func (l *link) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if n > 0 {
		l.heard.Store(int64(stopwatch()))
	}
	return n, err
}

// silent returns how long nothing has come, counted from since at the earliest.
func (l *link) silent(since time.Duration) time.Duration {
	return stopwatch() - max(since, time.Duration(l.heard.Load()))
}

// Close closes the connection, in peace if nothing is owed.
func (l *link) Close() error {
	l.mu.Lock()
	first, owed := !l.closed, l.owed
	l.closed = true
	l.mu.Unlock()
	if first && owed == 0 {
		linger(l.Conn, -1)
	}
	if first {
		l.batch.remove(l)
	}
	return l.Conn.Close()
}

// drop ends the connection with all that is on its way still.
func (l *link) drop() {
	l.mu.Lock()
	l.owed++
	l.dropped = l.dropped || !l.closed
	l.mu.Unlock()
	_ = l.Close()
}

// wasDropped reports whether it was dropped, by any exchange that used it.
func (l *link) wasDropped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// take notes that a request is about to be sent, and how much time it has. The kernel
// then gives up what it cannot deliver in that time: a process that is stopped could
// not.
func (l *link) take(bound time.Duration, shared, dear bool) {
	l.batch.busy(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shared = shared; dear {
		l.dear++
	}
	if l.owed++; l.owed == 1 || bound > l.bound {
		l.bound = bound
		bear(l.Conn, bound)
	}
}

// leave ends the use by an exchange, which take began.
func (l *link) leave(dear bool) {
	l.mu.Lock()
	if dear {
		l.dear--
	}
	l.mu.Unlock()
	l.batch.free(l)
}

// isDear reports whether an exchange has it that must not lose its answer.
func (l *link) isDear() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dear > 0
}

// owe notes that the number of unanswered requests has changed by more.
func (l *link) owe(more int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed += more
}

// forgotten reports whether nothing has come for so long that the other end must have
// forgotten the connection: a shared one is asked all the time whether it is there.
func (l *link) forgotten() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shared && l.silent(l.made) >= silence
}

// linger says what closing does with what was not sent yet: 0 drops it, -1 leaves it
// to the kernel.
func linger(conn net.Conn, seconds int) {
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(seconds)
	}
}
