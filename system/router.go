package system

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/messages"
)

// router is the process behind [System.PID]. It is no actor: it hands a command
// on to the service's mailbox, or answers it from what the service's actor has
// published, so that no second mailbox is crossed. What one sender sends is dealt
// with in the order in which it was sent.
type router struct{ system *System }

var _ actor.Process = (*router)(nil)

// ActorSystem returns the actor system that the actors live in.
func (s *System) ActorSystem() *actor.ActorSystem { return s.actors }

// PID returns where commands may be sent as messages, see tokend/messages. They
// are handed on to the mailbox of the service they are about.
func (s *System) PID() *actor.PID { return s.router }

// SendUserMessage hands a command on, or answers it where no actor can.
func (r *router) SendUserMessage(_ *actor.PID, message any) {
	_, msg, sender := actor.UnwrapEnvelope(message)
	s := r.system
	switch m := msg.(type) {
	case messages.ServiceCommand:
		r.route(m, sender)
	case *messages.GetTokens:
		if !s.batches.join(func() { s.collect(m, sender) }) {
			s.reply(sender, messages.ReplyError(m, s.missing("")))
		}
	case *messages.ListServices:
		s.reply(sender, &messages.ServicesReply{Services: s.directory.Infos()})
	default:
		s.options.log.Warnf("no command: %T (commands are sent as pointers, such as *messages.GetToken)", m)
		s.reply(sender, &actor.DeadLetterResponse{})
	}
}

// route answers a GetToken from what is published, which costs no mailbox, and
// hands everything else on to the service's actor.
func (r *router) route(cmd messages.ServiceCommand, sender *actor.PID) {
	s := r.system
	slot := s.directory.Lookup(cmd.ServiceName())
	if slot == nil {
		s.reply(sender, messages.ReplyError(cmd, s.missing(cmd.ServiceName())))
		return
	}
	if m, ok := cmd.(*messages.GetToken); ok {
		if reply := slot.Direct(m); reply != nil {
			s.reply(sender, reply)
			return
		}
	}
	if reply := slot.Shortcut(cmd); reply != nil {
		s.reply(sender, reply)
		return
	}
	process, ok := s.actors.ProcessRegistry.GetLocal(slot.PID().Id)
	if !ok { // it has just ended
		s.reply(sender, slot.StandIn(cmd))
		return
	}
	// Straight to the process that was found: by PID the command would be a dead
	// letter if the actor ended just now. An actor refuses what comes too late.
	process.SendUserMessage(slot.PID(), &actor.MessageEnvelope{Message: slot.Route(cmd), Sender: sender})
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
