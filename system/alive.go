package system

import (
	"context"
	"fmt"

	"tokend/actors/supervisor"
	"tokend/messages"
)

// Alive asks the actor above all services by message, and returns nil when it answers.
// Everything else that tells of the System reads what actors have published, and so
// would go on to look well if they hung. It fails when ctx ends, and unless the System
// runs.
func (s *System) Alive(ctx context.Context) error {
	if !s.running() {
		return s.missing("")
	}
	answer := make(chan struct{}, 1)
	s.actors.Root.Send(s.supervisor, &supervisor.Ping{Answer: answer})
	select {
	case <-answer:
		return nil
	case <-s.ended:
		return &messages.Error{Kind: messages.ErrStopped}
	case <-ctx.Done():
		return fmt.Errorf("actors do not answer: %w", context.Cause(ctx))
	}
}
