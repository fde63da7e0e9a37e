package token

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"tokend/actors/provider"
	"tokend/actors/schedule"
	"tokend/actors/vault"
	"tokend/messages"
)

// Options say how one service is configured. They are immutable.
type Options struct {
	Kind       string // kind of provider, for TokenInfo
	Provider   provider.Provider
	Gate       *actor.PID // that an acquisition passes; nil: none
	Policy     schedule.Policy
	Bounds     provider.Bounds // of lifetimes
	AtExpiry   bool            // the IdP hands out the same token until it dies
	WarnAlways bool
	Eager      bool
	Required   bool
	Unkept     bool // the store has no part in it: the token is configured, and may change while no one looks
	// RejectedTries is after how many refusals in a row no attempt comes by itself any
	// more; 0: it always does.
	RejectedTries int
	Waiters       int           // bound on waiting callers
	Credential    Credential    // what the provider works with
	KeepAlive     time.Duration // an acquisition comes at least that often, asked for or not; 0: not for that reason
}

// Credential is the version of what a provider works with: any other number is
// tried at once, whatever the back-off. Where tokens are kept over a restart, the
// upper half tells configurations of the provider apart, and the lower half besides
// what the files hold that they refer to: a token outlives a change of the secret
// that it was acquired with, but not one of whom or what it is for.
type Credential uint64

// sameConfiguration reports whether tokens acquired with the one serve the other.
func (c Credential) sameConfiguration(o Credential) bool { return c>>32 == o>>32 }

// Env is what all services of a system share. It is immutable.
type Env struct {
	Clock   *Clock
	Vault   *vault.Vault
	Store   vault.Store // keeps what is to outlive the process; nil: nothing is
	Root    *actor.RootContext
	Log     logrus.FieldLogger
	Publish func(messages.Event) // hands an event over without waiting
	Roll    func() float64       // a number in [0, 1)
	Flights *sync.WaitGroup      // acquisitions under way
	Numbers *atomic.Uint64       // of acquisitions: the last one given
	Timings *Timings             // how long acquisitions take; nil: nobody wants to know
}

// Clock reads the time.
type Clock struct {
	wall   func() time.Time // nil: the system's
	asleep func() time.Duration
	origin time.Time
}

// NewClock returns a Clock whose wall clock is wall, the system's if nil. The
// monotonic clock is always the system's.
func NewClock(wall func() time.Time) *Clock {
	return &Clock{wall: wall, asleep: provider.Asleep, origin: time.Now()}
}

// Now returns what both clocks show.
func (c *Clock) Now() schedule.Instant {
	now := time.Now()
	mono := now.Sub(c.origin)
	if c.wall != nil {
		now = c.wall()
	}
	return schedule.At(now, mono)
}
