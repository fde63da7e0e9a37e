package token

import (
	"context"
	"sync/atomic"

	"tokend/messages"
)

// Call sends a command to the service's actor.
func (s *Slot) Call(cmd messages.ServiceCommand) Pending {
	// In this order: when the actor goes down after the second line, the channel
	// from the first one tells.
	p := Pending{slot: s, command: cmd, gone: s.goneChan()}
	if p.reply = s.Shortcut(cmd); p.reply == nil {
		p.inbox = &inbox{reply: make(chan messages.Reply, 1)}
		s.env.Root.Send(s.pid, &Call{Command: cmd, inbox: p.inbox})
	}
	return p
}

// Pending is a command that was sent and not answered yet.
type Pending struct {
	slot    *Slot
	command messages.ServiceCommand
	reply   messages.Reply // known already
	inbox   *inbox
	gone    <-chan struct{}
}

// Wait returns the reply, or one with an error when ctx or the service ends
// first. It is called once.
func (p Pending) Wait(ctx context.Context) messages.Reply {
	if p.reply != nil {
		return p.reply
	}
	select {
	case r := <-p.inbox.reply:
		return r
	case <-ctx.Done():
		p.inbox.left.Store(true)
		return messages.ReplyError(p.command, p.slot.err(messages.ErrTimeout, context.Cause(ctx)))
	case <-p.gone:
	}
	select {
	case r := <-p.inbox.reply:
		return r
	default:
		p.inbox.left.Store(true)
	}
	if r := p.slot.Shortcut(p.command); r != nil {
		return r
	}
	return p.slot.StandIn(p.command) // it is there again already, but never saw the command
}

// Shortcut returns the reply to a command that the actor cannot answer soon: it
// crashed and is not to start at once, or the service is ending. It returns nil
// when the actor is to be asked.
func (s *Slot) Shortcut(cmd messages.ServiceCommand) messages.Reply {
	if s.ending.Load() != nil {
		return messages.ReplyError(cmd, s.endErr())
	}
	again := s.down.Load()
	if again == nil {
		return nil
	}
	return s.standIn(cmd, &messages.Error{
		Kind: messages.ErrUnavailable, Service: s.name, NextTry: again.Time(), Cause: errCrashed,
	})
}

// StandIn returns the reply to a command that the actor did not get.
func (s *Slot) StandIn(cmd messages.ServiceCommand) messages.Reply {
	if s.Ending() {
		return messages.ReplyError(cmd, s.endErr())
	}
	return s.standIn(cmd, s.err(messages.ErrUnavailable, errCrashed))
}

// standIn answers a command as well as it can be answered without the actor: with
// a living token, with what is known, or with err.
func (s *Slot) standIn(cmd messages.ServiceCommand, err error) messages.Reply {
	switch cmd.(type) {
	case *messages.GetTokenInfo:
		return &messages.TokenInfoReply{Info: s.Info()}
	case *messages.GetToken:
		r := &messages.TokenReply{}
		if s.Living(&r.Token) {
			s.hits.Add(1)
			return r
		}
		s.misses.Add(1)
	}
	return messages.ReplyError(cmd, err)
}

// inbox is where a caller waits for the reply to a [Call].
type inbox struct {
	reply chan messages.Reply // with room for one
	left  atomic.Bool         // the caller does not wait any more
}

// Direct answers a GetToken from what is published, if that is as good as asking
// the actor: nil if not, or if a command is on its way that may change it.
func (s *Slot) Direct(m *messages.GetToken) messages.Reply {
	if s.routed.Load() > 0 {
		return nil
	}
	r := &messages.TokenReply{}
	if !s.Cached(&r.Token, m.MinTTL) {
		return nil
	}
	return r
}

// Route returns the message by which a command from elsewhere reaches the actor
// through the router.
func (s *Slot) Route(cmd messages.ServiceCommand) any {
	switch cmd.(type) {
	case *messages.RefreshToken, *messages.InvalidateToken:
		s.routed.Add(1)
		return &Routed{Command: cmd}
	default:
		return cmd
	}
}
