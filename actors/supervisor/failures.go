package supervisor

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"
)

// LogFailures returns middleware that logs an actor's panic with its stack, tells
// whoever waits for the actor, and panics again with a value that is safe to
// print: protoactor logs it.
func LogFailures(log logrus.FieldLogger) actor.ReceiverMiddleware {
	return func(next actor.ReceiverFunc) actor.ReceiverFunc {
		return func(c actor.ReceiverContext, env *actor.MessageEnvelope) {
			defer func() {
				r := recover()
				if r == nil {
					return
				}
				reason := describe(r)
				log.WithFields(logrus.Fields{
					"actor":   c.Self().GetId(),
					"message": fmt.Sprintf("%T", env.Message),
					"reason":  reason.Error(),
					"stack":   string(debug.Stack()),
				}).Error("actor crashed")
				abandon(c.Actor())
				panic(reason)
			}()
			next(c, env)
		}
	}
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
