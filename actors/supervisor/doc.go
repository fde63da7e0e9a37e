// Package supervisor owns the token actors: it spawns one a service, starts them
// again when they crash, and changes, adds and removes services while the others
// go on.
//
// # Restart policy
//
// A crashed token actor keeps its mailbox and its slot, so it loses nothing. The
// first restart is immediate; after that the pause doubles from 100 ms to 30 s,
// with jitter, until the actor has run well for a minute. It is never given up.
// While it is down its slot answers for it, see [token.Slot.Shortcut]. An actor
// that somebody else stopped is spawned anew by the same rule.
//
// The supervisor itself, the publisher and the gates are resumed when they
// crash: what they know stays, and the message that made them crash is lost. A
// restart would take every token actor down with its supervisor.
package supervisor
