package token

import (
	"context"
	"errors"
	"fmt"

	"tokend/actors/vault"
	"tokend/messages"
)

// Call is a command from ordinary code, see [Slot.Call]: the reply goes into a
// channel, which costs a tenth of what a PID costs that somebody waits behind.
type Call struct {
	messages.Unlogged
	Command messages.ServiceCommand
	inbox   *inbox
}

// Routed is a command that the router handed on and counted, see [Slot.Route].
// The reply goes to the sender.
type Routed struct {
	messages.Unlogged
	Command messages.ServiceCommand
}

// Reconfigured tells the actor that its slot has new options.
type Reconfigured struct{ messages.Unlogged }

// ClockMoved tells the actor that the wall clock was stepped, or that the
// machine slept, so that its timer may be wrong.
type ClockMoved struct{ messages.Unlogged }

// Saved tells the actor that another node has saved this record of its service.
type Saved struct {
	messages.Unlogged
	Record *vault.Record
}

// These come from the actor itself, and never from outside.
type (
	wake   struct{ messages.Unlogged } // the timer fired
	landed struct{ messages.Unlogged } // a flight has left its outcome in the slot
)

// What callers are told about the actor itself.
var (
	errCrashed   = errors.New("the service's actor is being restarted")
	errTooMany   = errors.New("too many callers are waiting")
	errLateReply = fmt.Errorf("no token came in time: %w", context.DeadlineExceeded)
)
