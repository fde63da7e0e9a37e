package supervisor

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"
)

// Guard makes an actor's panics safe and visible: they are logged with their
// stack, whoever waits for the actor is told, and protoactor, which logs the
// panic's value, gets one that is safe to print.
//
// It sits between mailbox and actor, where it costs an idle actor 64 bytes; a
// receiver middleware costs it several hundred.
func Guard(log logrus.FieldLogger) actor.PropsOption {
	produce := actor.UnboundedLockfree() // an idle one is 200 bytes smaller than the default
	return actor.WithMailbox(func() actor.Mailbox {
		g := &guard{Mailbox: produce(), log: log}
		g.spawned.Add(1)
		return g
	})
}

type guard struct {
	actor.Mailbox
	actor.MessageInvoker

	log     logrus.FieldLogger
	spawned sync.WaitGroup // done when the mailbox has its handlers
}

// PostUserMessage waits until the mailbox has its handlers: protoactor makes a
// spawned actor's name known a moment before.
func (g *guard) PostUserMessage(message any) {
	g.spawned.Wait()
	g.Mailbox.PostUserMessage(message)
}

// PostSystemMessage is like PostUserMessage.
func (g *guard) PostSystemMessage(message any) {
	g.spawned.Wait()
	g.Mailbox.PostSystemMessage(message)
}

// RegisterHandlers puts the guard before the actor.
func (g *guard) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	g.MessageInvoker = invoker
	g.Mailbox.RegisterHandlers(g, dispatcher)
	g.spawned.Done()
}

// InvokeUserMessage lets the actor handle a message, or refuse it: protoactor
// drops what is left in the mailbox of an actor that has stopped.
func (g *guard) InvokeUserMessage(message any) {
	defer g.catch(message)
	if c, ok := g.MessageInvoker.(actor.Context); ok {
		if a, ok := c.Actor().(interface{ Refuse(message any) bool }); ok && a.Refuse(message) {
			return
		}
	}
	g.MessageInvoker.InvokeUserMessage(message)
}

// InvokeSystemMessage lets the actor handle a message of protoactor's.
func (g *guard) InvokeSystemMessage(message any) {
	defer g.catch(message)
	g.MessageInvoker.InvokeSystemMessage(message)
	if _, ok := message.(*actor.Stop); ok {
		// An actor that is stopped while it is down reads its mailbox no more. What is
		// left in there is to be refused, see above.
		g.Mailbox.PostSystemMessage(&actor.ResumeMailbox{})
	}
}

// catch is deferred: it deals with the panic that is under way, if any, and
// panics again, for the mailbox to hand the failure to the supervisor.
func (g *guard) catch(message any) {
	r := recover()
	if r == nil {
		return
	}
	reason := describe(r)
	fields := logrus.Fields{
		"message": fmt.Sprintf("%T", actor.UnwrapEnvelopeMessage(message)),
		"reason":  reason.Error(),
		"stack":   string(debug.Stack()),
	}
	if c, ok := g.MessageInvoker.(actor.Context); ok {
		fields["actor"] = c.Self().GetId()
		defer abandon(c.Actor())
	}
	g.log.WithFields(fields).Error("actor crashed")
	panic(reason)
}

// abandon lets a crashed actor tell those who wait for it. What it does may rest
// on what is broken, so it may fail.
func abandon(a actor.Actor) {
	defer func() { _ = recover() }()
	if a, ok := a.(interface{ Abandon() }); ok {
		a.Abandon()
	}
}

// describe returns what may be said of a panic's value: its type, and the text
// only of what the runtime says.
func describe(r any) error {
	var safe *crash
	if err, ok := r.(error); ok {
		if errors.As(err, &safe) {
			return safe
		}
		var re runtime.Error
		if errors.As(err, &re) {
			return &crash{re.Error()}
		}
	}
	return &crash{fmt.Sprintf("panic of type %T", r)}
}

type crash struct{ text string }

func (c *crash) Error() string { return c.text }

// Resume is the strategy for actors that hold what no restart could bring back:
// they go on with the next message.
func Resume() actor.SupervisorStrategy { return resumeStrategy }

// resumeStrategy is one for all, because protoactor keeps a guardian for every
// strategy it has ever seen.
var resumeStrategy = actor.NewOneForOneStrategy(0, 0, func(any) actor.Directive { return actor.ResumeDirective })
