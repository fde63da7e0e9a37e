package httpapi

import (
	"bytes"
	"errors"
	"net"
	"syscall"
	"time"
)

const (
	// lookForRoom is how often who waits at the door looks whether a grace has passed.
	lookForRoom = 20 * time.Millisecond
	// excessAtMost is how many at a time are told that there are too many.
	excessAtMost = 64
)

// gate lets connections in, as many as there may be.
type gate struct {
	net.Listener
	door *Door
}

// Accept returns the next connection when there is room for it. Who comes after it waits
// in the system's queue meanwhile.
func (g *gate) Accept() (net.Conn, error) {
	for {
		n, err := g.Listener.Accept()
		if err == nil {
			return g.door.open.enter(g.door.guest(n)), nil
		}
		if !outOfFiles(err) || !g.door.open.giveUpOne() {
			return nil, err
		}
	}
}

func outOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// giveUpOne closes a connection so that another can be opened, where the process has
// no file left, and reports whether there was one.
func (o *connections) giveUpOne() bool {
	o.mu.Lock()
	found := o.makeRoom(1, time.Now(), siegeGrace) > 0
	if !found {
		o.wanted.Store(true)
	}
	o.mu.Unlock()
	if found {
		time.Sleep(time.Millisecond) // who serves it has to let go of it
	}
	return found
}

// end lets in whoever waits at the door: it is about to be closed.
func (o *connections) end() { o.ending.Do(func() { close(o.over) }) }

// enter waits until there is room for a connection. If there is none for long it is let
// in all the same, to be told so.
func (o *connections) enter(g *guest) *guest {
	for first := true; !o.admit(g.conn, first); first = false {
		again := time.NewTimer(lookForRoom)
		select {
		case <-o.freed:
		case <-again.C:
		case <-o.over:
			o.mu.Lock()
			o.open[g.conn], o.waits = struct{}{}, false
			o.mu.Unlock()
			return g
		}
		again.Stop()
	}
	return g
}

// admit lets a connection in if that can be. first tells whether it has just come.
func (o *connections) admit(c *conn, first bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	limit := int(o.limit.Load())
	if first && o.room() > limit/8 {
		o.siege = false
	}
	if o.room() <= 0 {
		o.makeRoom(1+limit/512-o.room(), now, o.grace())
	}
	switch {
	case o.room() > 0:
		o.stuck = time.Time{}
	case o.stuckFor(now) >= sendGrace && o.siege && o.excess < min(excessAtMost, 1+limit/8):
		c.excess = true
		o.excess++
	default:
		o.siege = o.siege || o.stuckFor(now) >= sendGrace
		o.waits = true
		o.wanted.Store(true)
		return false
	}
	c.since.Store(sinceStart())
	o.open[c], o.waits = struct{}{}, false
	o.wanted.Store(o.room() < 0)
	return true
}

// room returns how many more may be open; less than 0: there are too many.
func (o *connections) room() int { return int(o.limit.Load()) + o.excess - len(o.open) }

// grace returns how long a request may take to come.
func (o *connections) grace() time.Duration {
	if o.siege {
		return siegeGrace
	}
	return sendGrace
}

// stuckFor returns for how long no one could be let in.
func (o *connections) stuckFor(now time.Time) time.Duration {
	if o.stuck.IsZero() {
		o.stuck = now
	}
	return now.Sub(o.stuck)
}

// guest is a connection that was let in. It notes when something is read.
type guest struct {
	net.Conn
	conn *conn
}

func (d *Door) guest(n net.Conn) *guest {
	c := &conn{net: n, door: d}
	if u, ok := n.(*net.UnixConn); ok {
		c.peer = peerOf(u)
	}
	return &guest{n, c}
}

// Read is called by the server: between two requests only when it has used up all that
// was read before.
func (g *guest) Read(b []byte) (int, error) {
	c := g.conn
	if c.phase.Load() == phaseSent {
		c.phase.CompareAndSwap(phaseSent, phaseIdle)
	}
	n, err := g.Conn.Read(b)
	if n > 0 && c.phase.Load() != phaseBusy {
		c.reads(b[:n])
	}
	return n, err
}

// reads notes that something was read.
func (c *conn) reads(text []byte) {
	if !c.phase.CompareAndSwap(phaseIdle, phaseReading) && !c.phase.CompareAndSwap(phaseNew, phaseReading) {
		c.alone.Store(false)
		return
	}
	c.since.Store(sinceStart())
	c.alone.Store(c.door.open.wanted.Load() && (c.door.cert.Load() != nil || isOneRequest(text)))
}

// isOneRequest reports whether text is the whole of a request without a body, and
// nothing more.
func isOneRequest(text []byte) bool {
	end := []byte("\r\n\r\n")
	return bytes.Index(text, end) == len(text)-len(end) && len(text) > len(end)
}

// CloseWrite has what was written arrive, although the other end sends more.
func (g *guest) CloseWrite() error {
	if w, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}
