package system

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/messages"
)

// router is the process behind [System.PID]. It is no actor: it hands a
// command's envelope on to the service's mailbox, so that no second mailbox is
// crossed and the order in which one sender sends is kept.
type router struct{ system *System }

var _ actor.Process = (*router)(nil)

// SendUserMessage hands a command on, or answers it where no actor can.
func (r *router) SendUserMessage(_ *actor.PID, message any) {
	_, msg, sender := actor.UnwrapEnvelope(message)
	s := r.system
	switch m := msg.(type) {
	case messages.ServiceCommand:
		slot := s.directory.Lookup(m.ServiceName())
		if slot == nil {
			s.reply(sender, messages.ReplyError(m, s.missing(m.ServiceName())))
		} else if reply := slot.Shortcut(m); reply != nil {
			s.reply(sender, reply)
		} else {
			s.actors.Root.Send(slot.PID(), message)
		}
	case *messages.GetTokens:
		if !s.batches.join(func() { s.collect(m, sender) }) {
			s.reply(sender, messages.ReplyError(m, s.missing("")))
		}
	case *messages.ListServices:
		s.reply(sender, &messages.ServicesReply{Services: s.directory.Infos()})
	default:
		s.options.log.Debugf("router: unexpected %T", m)
		s.reply(sender, &actor.DeadLetterResponse{})
	}
}

// SendSystemMessage hands on to the supervisor, so that whoever watches the
// router learns of the end.
func (r *router) SendSystemMessage(_ *actor.PID, message any) {
	if p, ok := r.system.actors.ProcessRegistry.Get(r.system.supervisor); ok {
		if _, ok := message.(*actor.Stop); !ok {
			p.SendSystemMessage(r.system.supervisor, message)
		}
	}
}

// Stop does nothing: a System is stopped by its Stop method.
func (r *router) Stop(*actor.PID) {}

func (s *System) reply(to *actor.PID, r any) {
	if to != nil {
		s.actors.Root.Send(to, r)
	}
}

// collect answers a batch.
func (s *System) collect(m *messages.GetTokens, sender *actor.PID) {
	deadline := s.env.Clock.Now().Time().Add(s.longestWait(m.Services))
	if !m.Deadline.IsZero() {
		deadline = m.Deadline
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline.Sub(s.env.Clock.Now().Time()))
	defer cancel()
	tokens, errs := s.TokensByName(ctx, m.MinTTL, m.Services...)
	s.reply(sender, &messages.TokensReply{Tokens: tokens, Errs: errs})
}

// longestWait returns how long a batch may take that sets no deadline.
func (s *System) longestWait(services []string) time.Duration {
	longest := time.Duration(0)
	for _, name := range services {
		if slot := s.directory.Lookup(name); slot != nil {
			longest = max(longest, slot.Options().Policy.Timeout)
		}
	}
	return longest + time.Second
}
