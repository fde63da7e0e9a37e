package sink

import (
	"crypto/sha256"
	"time"
)

// digest names the content of a file.
type digest = [sha256.Size]byte

// held is what a file that was written holds; the zero value: there is none.
type held struct {
	sum     digest
	expires time.Time // when the first of its tokens dies; zero: never
	there   bool
	misfit  bool // its mode or owner are others than they are to be
}

// dead reports whether a token in the file has died.
func (h held) dead(now time.Time) bool {
	return h.there && !h.expires.IsZero() && !now.Before(h.expires)
}

// wanted is what a file should hold.
type wanted struct {
	held           // there: all its tokens live
	content []byte // while that is so
	dead    bool   // a service has no living token, and had one
	turning bool   // all that are dead have just died as they were to: that is not told yet
	unfit   error  // why living tokens make no content
}

// action is what is to be done with a file.
type action int

const (
	nothing action = iota
	write          // replace it by what is wanted
	remove         // it must not look fresh
)

// decide returns what is to be done with a file.
func decide(w *wanted, h held, keepExpired bool, now time.Time) action {
	switch {
	case w.there && (!h.there || h.sum != w.sum || h.misfit):
		return write
	case w.there:
		return nothing
	case h.there && !keepExpired && (w.dead || h.dead(now)):
		return remove
	default:
		return nothing
	}
}

// The times between two looks at the tokens. In between, events tell of changes.
const (
	lookMost  = 5 * time.Second
	lookLeast = 20 * time.Millisecond
)

// nextLook returns how long to wait for the next look: at most a quarter of the life
// that the file has left, so that also a token whose event got lost is written while
// the one before lives.
func nextLook(h held, now time.Time) time.Duration {
	if !h.there || h.expires.IsZero() || h.dead(now) {
		return lookMost
	}
	left := h.expires.Sub(now)
	return min(max(left/4, lookLeast), left, lookMost)
}

// What failed is tried again after retryFirst, then after twice that, and so on.
const (
	retryFirst = time.Second
	retryMost  = 30 * time.Second
)

// backOff is the pause after a failure.
type backOff struct{ pause time.Duration }

func (b *backOff) next() time.Duration {
	b.pause = min(max(2*b.pause, retryFirst), retryMost)
	return b.pause
}

func (b *backOff) reset() { b.pause = 0 }
