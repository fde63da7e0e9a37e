package httpapi

import (
	"cmp"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tokend/system/access"
)

// connections bounds how many are open at a time. Who comes when there are as many waits
// at the door, see enter. Room is made by those that wait for their next request, and by
// those that send no request that is whole: who only holds connections, or sends a byte
// now and then, is in no one's way. No connection goes whose request was read, before it
// has been answered.
type connections struct {
	streams atomic.Int64 // connections that a stream of events holds
	limit   atomic.Int64
	wanted  atomic.Bool   // one more is to go when its request has been answered
	freed   chan struct{} // something may have become possible
	over    chan struct{} // closed when no one is let in any more
	ending  sync.Once

	mu     sync.Mutex // guards what follows, and is held to change limit
	open   map[*conn]struct{}
	excess int       // of open: those beyond the limit, who are told to come again
	stuck  time.Time // since when no one could be let in; zero: that could be
	siege  bool      // too many take long, until there is room again for who comes
	waits  bool      // someone waits at the door
}

// The phases of a connection.
const (
	phaseNew      = iota // nothing was read of it yet
	phaseReading         // some bytes were read, perhaps not all of a request
	phaseBusy            // its request is being answered
	phaseYielding        // the same, but it may go
	phaseAnswered        // the answer may be on its way still
	phaseSent            // the answer is on its way; bytes of the next request may have been read
	phaseIdle            // nothing was read of the next request
	phaseGone            // it was chosen to go
)

// place is where a connection stands in connections.
type place struct {
	phase   atomic.Int32
	since   atomic.Int64 // when it came into the phase that it may have to leave; see sinceStart
	welcome atomic.Bool  // its last request was granted
	alone   atomic.Bool  // its request came without the beginning of another; known only where one is wanted
	excess  bool         // set before it is served
}

var processStart = time.Now()

// sinceStart reads the monotonic clock alone, which is quicker.
func sinceStart() int64 { return int64(time.Since(processStart)) }

const (
	// idleGrace is for clients who ask again and again, and for requests that are on their
	// way: the connections of those who ask go with an answer instead.
	idleGrace = 500 * time.Millisecond
	// sendGrace is how long a connection may take for a request to come whole while others
	// wait.
	sendGrace = 2 * time.Second
	// siegeGrace is the same once some have taken so long, or no one could be let in.
	siegeGrace = 100 * time.Millisecond
)

func newConnections(limit int) *connections {
	o := &connections{open: map[*conn]struct{}{}, freed: make(chan struct{}, 1), over: make(chan struct{})}
	o.limit.Store(int64(limit))
	return o
}

// setLimit changes the bound. Of those that are too many then, some go at once, and the
// others when they have been answered.
func (o *connections) setLimit(limit int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.limit.Store(int64(limit))
	if many := -o.room(); many > 0 {
		o.makeRoom(many, time.Now(), sendGrace)
	}
	o.want()
}

// want has one more connection close after its answer, if there are too many. This and
// the methods below that take no lock are called with the lock held.
func (o *connections) want() { o.wanted.Store(o.room() < 0 || o.room() == 0 && o.waits) }

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

// makeRoom closes up to count connections that may go, and returns how many. Those whose
// callers are not welcome go first, then those that have waited longest.
func (o *connections) makeRoom(count int, now time.Time, grace time.Duration) (gone int) {
	for _, c := range o.mayGo(int64(now.Sub(processStart)), grace) {
		if gone == count {
			break
		}
		if c.comes() || !c.phase.CompareAndSwap(c.found, phaseGone) {
			continue // it has just sent something
		}
		if !c.excess {
			gone++
		}
		o.siege = o.siege || c.found != phaseIdle
		o.forget(c.conn)
		hangUp(c.net)
	}
	return gone
}

// choice is a connection that may go, with what was found of it.
type choice struct {
	*conn
	found int32
	since int64
}

// mayGo returns the connections that may go, those first that are missed least.
func (o *connections) mayGo(at int64, grace time.Duration) []choice {
	var all []choice
	for c := range o.open {
		one := choice{c, c.phase.Load(), c.since.Load()}
		if time.Duration(at-one.since) >= one.grace(grace) {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b choice) int {
		return cmp.Or(a.rank()-b.rank(), cmp.Compare(a.since, b.since))
	})
	return all
}

// forLong is longer than any connection lasts.
const forLong = time.Duration(1<<63 - 1)

// grace returns how long a connection stays at least; silent is that of one that sends no
// request.
func (c choice) grace(silent time.Duration) time.Duration {
	switch c.found {
	case phaseIdle:
		return idleGrace
	case phaseBusy, phaseGone:
		return forLong
	case phaseAnswered, phaseSent: // its client does not read
		return sendGrace
	default:
		if c.excess { // it is about to go
			return sendGrace
		}
		return silent
	}
}

// rank is lower for who is missed less.
func (c choice) rank() int {
	switch {
	case !c.welcome.Load():
		return 0
	case c.found == phaseIdle:
		return 1
	default:
		return 2
	}
}

// comes reports whether there are bytes of a request that were not read yet.
func (c choice) comes() bool {
	return (c.found == phaseIdle || c.found == phaseNew) && pending(c.net)
}

// hangUp closes c without a word: TLS's goodbye may have to wait for whoever does
// not read.
func hangUp(c net.Conn) {
	_ = c.Close() // whoever it was finds out
}

func (o *connections) forget(c *conn) {
	if _, known := o.open[c]; !known {
		return
	}
	delete(o.open, c)
	if c.excess {
		o.excess--
	}
	o.want()
	o.tell()
}

// tell wakes whoever waits at the door.
func (o *connections) tell() {
	select {
	case o.freed <- struct{}{}:
	default:
	}
}

// state is told by the server what becomes of its connections.
func (o *connections) state(n net.Conn, s http.ConnState) {
	c := behind(n)
	switch {
	case c == nil:
	case s == http.StateIdle:
		c.phase.CompareAndSwap(phaseAnswered, phaseSent)
	case s == http.StateClosed || s == http.StateHijacked:
		o.mu.Lock()
		defer o.mu.Unlock()
		o.forget(c)
	}
}

// behind returns the connection that was let in as n; nil: it came another way.
func behind(n net.Conn) *conn {
	if t, ok := n.(*tls.Conn); ok {
		n = t.NetConn()
	}
	if g, ok := n.(*guest); ok {
		return g.conn
	}
	return nil
}

// watched returns next, whose connections do not go while it answers.
func (o *connections) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := connOf(r); c != nil {
			c.phase.Store(phaseBusy)
			defer c.end()
		}
		next.ServeHTTP(w, r)
	})
}

// mayBeClosed lets a connection, nil for none, go to make room before its request is
// answered.
func mayBeClosed(c *conn) {
	if c != nil {
		c.since.Store(sinceStart())
		c.phase.CompareAndSwap(phaseBusy, phaseYielding)
	}
}

// end is called when the request was answered.
func (c *conn) end() {
	c.since.Store(sinceStart())
	if !c.phase.CompareAndSwap(phaseBusy, phaseAnswered) {
		c.phase.CompareAndSwap(phaseYielding, phaseAnswered)
	}
}

// leaves reports whether the connection is to go with the answer that is about to be
// written, because others wait. One that has sent more already stays.
func (c *conn) leaves() bool {
	if c.excess {
		return true
	}
	o := c.door.open
	if !o.wanted.Load() || !c.alone.Load() || !o.wanted.CompareAndSwap(true, false) {
		return false
	}
	return true
}

// welcomes notes that a request was granted. One that any caller may make proves nothing.
func (c *conn) welcomes(proves bool) {
	if c != nil && proves && !c.welcome.Load() {
		c.welcome.Store(true)
	}
}

// refuses notes why a request was refused: who is not known, or may not do what it asks
// for, goes first when there are too many connections.
func (c *conn) refuses(err error) {
	if c == nil {
		return
	}
	if code := ProblemOf(err).Code; code == CodeDenied || code == CodeUnauthenticated {
		c.welcome.Store(false)
	}
}
