package token

import (
	"context"
	"errors"
	"fmt"

	"tokend/messages"
)

// Call is a command from ordinary code: the reply goes into a channel, which
// costs a tenth of what a PID costs that somebody waits behind.
type Call struct {
	Command messages.ServiceCommand
	Reply   chan<- messages.Reply // with room for one
}

// Reconfigured tells the actor that its slot has new options.
type Reconfigured struct{}

// ClockMoved tells the actor that the wall clock was stepped, or that the
// machine slept, so that its timer may be wrong.
type ClockMoved struct{}

// These come from the actor itself, and never from outside.
type (
	wake   struct{} // the timer fired
	landed struct{} // a flight has left its outcome in the slot
)

// IgnoreDeadLetterLogging keeps a call that comes after the end out of the log.
func (*Call) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging keeps a message that comes after the end out of the log.
func (*Reconfigured) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging keeps a message that comes after the end out of the log.
func (*ClockMoved) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging keeps a message that comes after the end out of the log.
func (*wake) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging keeps a message that comes after the end out of the log.
func (*landed) IgnoreDeadLetterLogging() {}

// What callers are told about the actor itself.
var (
	errCrashed   = errors.New("the service's actor is being restarted")
	errTooMany   = errors.New("too many callers are waiting")
	errLateReply = fmt.Errorf("no token came in time: %w", context.DeadlineExceeded)
)
