package provider

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// join makes the exchange one of those that use a batch.
func (x *exchange) join(b *batch) {
	x.mu.Lock()
	before := x.batch
	x.batch = b
	x.mu.Unlock()
	if before != nil {
		before.leave()
	}
}

// hold has the exchange use a connection until it gets another one or ends. x is locked.
func (x *exchange) hold(conn net.Conn) {
	x.release()
	secure, _ := conn.(*tls.Conn)
	x.shared = secure != nil && secure.ConnectionState().NegotiatedProtocol == "h2"
	if x.batch != nil {
		x.batch.connected(x.shared)
	}
	if x.link = linkOf(conn); x.link == nil {
		return
	}
	x.link.take(x.left(), x.shared, isPatient(x.ctx))
	x.owes, x.since = true, stopwatch()
	x.ear = newAlarm(doubt, x.listen)
}

// left returns how much time there is; 0: no end is known.
func (x *exchange) left() time.Duration {
	if deadline, ok := x.ctx.Deadline(); ok {
		return max(time.Until(deadline), time.Millisecond)
	}
	return 0
}

// answered notes that the answer has begun: all of the request was delivered then.
func (x *exchange) answered() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.owes {
		x.owes = false
		x.link.owe(-1)
	}
}

// release ends the use of a connection. x is locked.
func (x *exchange) release() {
	if x.ear != nil {
		x.ear.Stop()
	}
	if x.link == nil {
		return
	}
	if x.owes {
		x.link.owe(-1)
	}
	x.link.leave(isPatient(x.ctx))
	x.link, x.owes, x.ear = nil, false, nil
}

// abandon drops what was not delivered of a request that the exchange has given up,
// and has others use another connection. One that many share goes on for those who
// have it, if nothing of the request is left to be delivered, or if one of them must not
// lose its answer: it waits longer, and drops what is left then.
func (x *exchange) abandon() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ctx.Err() == nil || x.link == nil { // it ended by itself
		return
	}
	left, known := queued(x.link.Conn)
	age := stopwatch() - x.since
	spared := !isPatient(x.ctx) && x.link.isDear()
	if !x.shared || x.owes && !spared && mayLie(age, x.link.silent(x.since), known && left == 0) {
		x.link.drop()
	} else if x.owes { // net/http may close it as soon as it is retired: in peace
		x.owes = false
		x.link.owe(-1)
	}
	if context.Cause(x.ctx) != context.Canceled {
		x.link.batch.retire()
	}
}

// mayLie reports whether part of a request of that age may still lie on this machine. The
// other end of a shared connection has got it all if it has answered what it was asked
// later.
func mayLie(age, silent time.Duration, delivered bool) bool {
	return !delivered && (age < doubt || silent >= doubt)
}

// listen looks whether the other end of the connection is there still.
func (x *exchange) listen() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.link == nil || x.ctx.Err() != nil {
		return
	}
	next, verdict := x.hear()
	switch verdict {
	case doubtful:
		x.link.batch.retire()
	case gone:
		x.cancel(errSilent)
		return
	}
	x.ear = newAlarm(next, x.listen)
}

// hear judges the connection. The other end of a shared one is asked all the time, and
// answers even while the request is worked on. That of another is silent as long as it
// works, and its kernel alone tells that it has the request.
func (x *exchange) hear() (next time.Duration, p presence) {
	if left, known := queued(x.link.Conn); !x.shared && (!known || left == 0) {
		return late, there
	}
	return hear(x.link.silent(x.since), isPatient(x.ctx))
}

// presence is what silence says about the other end of a connection.
type presence int

const (
	there presence = iota
	doubtful
	gone
)

// hear judges a connection that has been silent for so long, and says when to listen
// again. An exchange whose request must not be sent twice goes on waiting for as long as
// it may: the other end has got it, perhaps, and is stopped or cut off for a while.
func hear(silent time.Duration, patient bool) (next time.Duration, p presence) {
	switch {
	case silent < doubt:
		return doubt - silent, there
	case silent < silence:
		return silence - silent, doubtful
	case patient:
		return late, doubtful
	default:
		return 0, gone
	}
}
