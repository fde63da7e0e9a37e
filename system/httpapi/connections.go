package httpapi

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"tokend/system/access"
)

// connections bounds how many are open at a time. Of one too many, that which has
// waited longest for its next request is closed, whether it has begun to send one
// or not: who only holds connections, or sends a byte now and then, is in nobody's
// way. Those whose request is being answered stay, and if all of them are, the new
// one is closed.
type connections struct {
	streams atomic.Int64 // connections that a stream of events holds
	limit   atomic.Int64
	mu      sync.Mutex // guards what follows, and is held to change limit
	open    map[net.Conn]*conn
	waiting list.List // of *conn, that which has waited longest first; some may be busy by now
}

// place is where a connection stands in connections.
type place struct {
	busy  atomic.Bool   // its request is being answered
	waits *list.Element // in waiting; nil: it was busy when its turn came, or is gone
}

func newConnections(limit int) *connections {
	o := &connections{open: map[net.Conn]*conn{}}
	o.limit.Store(int64(limit))
	return o
}

// setLimit changes the bound.
func (o *connections) setLimit(limit int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.limit.Store(int64(limit))
	for len(o.open) > limit && o.makeRoom() {
		continue
	}
}

// streamsAtMost returns how many connections streams may hold: half of all.
func (o *connections) streamsAtMost() int64 { return max(1, o.limit.Load()/2) }

// share returns how many connections, or of those that streams may hold, one client may
// have if the policy does not say: three quarters. Where there is one client alone that
// is nearly all, and where there are several, none of them can shut out the rest.
func (o *connections) share(use access.Use) int {
	all := o.limit.Load()
	if use == access.Streams {
		all = min(maxStreams, o.streamsAtMost())
	}
	return max(1, int(all*3/4))
}

func (o *connections) add(c *conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.open) >= int(o.limit.Load()) && !o.makeRoom() {
		hangUp(c.net)
		return
	}
	o.open[c.net] = c
	c.waits = o.waiting.PushBack(c)
}

// makeRoom closes the connection that has waited longest, if there is one. Those that
// are busy leave the list until they wait again: each is passed once for a request.
func (o *connections) makeRoom() bool {
	for first := o.waiting.Front(); first != nil; first = o.waiting.Front() {
		c := first.Value.(*conn)
		if !c.busy.Load() {
			o.forget(c)
			hangUp(c.net)
			return true
		}
		o.waiting.Remove(first)
		c.waits = nil
	}
	return false
}

// hangUp closes c without a word: TLS's goodbye may have to wait for whoever does
// not read.
func hangUp(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	_ = c.Close() // whoever it was finds out
}

func (o *connections) forget(c *conn) {
	delete(o.open, c.net)
	if c.waits != nil {
		o.waiting.Remove(c.waits)
		c.waits = nil
	}
}

// state is told by the server what becomes of its connections.
func (o *connections) state(c net.Conn, s http.ConnState) {
	if s != http.StateClosed && s != http.StateHijacked {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if known := o.open[c]; known != nil {
		o.forget(known)
	}
}

// watched returns next, whose connections do not wait while it answers.
func (o *connections) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := connOf(r); c != nil {
			o.begin(c)
			defer o.end(c)
		}
		next.ServeHTTP(w, r)
	})
}

// begin takes no lock, as every request passes here: one that is chosen to make room
// in this very moment might as well have been chosen the moment before.
func (o *connections) begin(c *conn) { c.busy.Store(true) }

// mayBeClosed lets a connection, nil for none, go to make room before its request is
// answered.
func mayBeClosed(c *conn) {
	if c != nil {
		c.door.open.end(c)
	}
}

// end is called when the request was answered, and before if the answer may as well
// be cut off.
func (o *connections) end(c *conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.busy.Store(false)
	switch {
	case o.open[c.net] != c: // it is gone
	case c.waits != nil:
		o.waiting.MoveToBack(c.waits)
	default:
		c.waits = o.waiting.PushBack(c)
	}
}
