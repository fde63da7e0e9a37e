// Package token is the token actor: the owner of one service's token. It
// acquires the token, seals it, answers callers, warns before expiry, refreshes
// by its own timer, and survives failures of the identity provider and of itself.
//
// # States
//
//	         first need                    refresh point
//	empty ───────────────▶ fresh ───────────────────────────▶ due
//	                       ▲   ▲                               │ attempt failed
//	        new token      │   └───────── new token ───────────┤
//	      ┌────────────────┘                                   ▼
//	   expired ◀──────────────── expiry, invalidated ────── degraded
//
// A token is served while its state is fresh, due or degraded.
//
// # Key types
//
// [Slot] is what outlives the actor: its [State], the published [Snapshot], the
// outcome of a flight that is under way, counters. [Options] say how one service
// is configured, [Env] what all share. [Call] is a command from ordinary code.
//
// # Invariants
//
// Only the actor changes the State, by storing a new one: it is immutable, so a
// crash between two messages loses nothing and a crash within one undoes it.
// Anybody may read it, and the Snapshot made from it.
//
// There is at most one flight (acquisition) a service. It belongs to the Slot,
// not to the incarnation: its outcome is left there, and an actor that starts
// looks there first. A flight whose number is no longer the State's is
// superseded; its access token is dropped.
//
// # Gotchas
//
// A service that lives on a login is used now and then though nobody asks, see
// [Options].KeepAlive. It does not count as needed for that: its token is not
// published, may die in silence, and is replaced for the login's sake alone, until
// somebody asks the actor.
//
// Credentials that were refused are counted until an attempt works, and kept at once:
// no process may add an attempt, see refused.go. A login that a fallback stands in for is
// tried by itself now and then, see probe.go: that is no failure of the service.
//
// A token that came again is no new one: its earliest end stays, whatever is said of
// it later, and it is asked for sparingly, see [schedule.Reissue]. For two seconds from
// its end no one is told of trouble, and callers wait.
//
// A token that is not valid yet waits beside the old one, see pending. Whoever looks at
// the State must let it mature first.
//
// A token that a caller reported as refused is barred, unless attempts to replace it
// fail: then it is suspect, and serves.
//
// The timer is only a hint: [actor.wake] looks at both clocks and does what is
// due, so a wake-up too many or too late is harmless. Nothing in Receive waits.
package token
