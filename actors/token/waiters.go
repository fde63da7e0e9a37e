package token

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/schedule"
	"tokend/messages"
)

// waiter is a command and where its one reply goes.
type waiter struct {
	command  messages.ServiceCommand
	pid      *actor.PID       // of the asker, or
	inbox    *inbox           // its own; neither: nobody wants to know
	deadline schedule.Instant // when the asker stops waiting
	refused  string           // fingerprint of the token that InvalidateToken was about
	answered bool
	routed   *atomic.Int64 // to be counted down when answered; nil: not counted
}

// answer sends the reply, once.
func (w *waiter) answer(root *actor.RootContext, r messages.Reply) {
	if w.answered {
		return
	}
	w.answered = true
	if w.routed != nil {
		w.routed.Add(-1)
	}
	switch {
	case w.inbox != nil:
		w.inbox.reply <- r // has room: this is the only reply
	case w.pid != nil:
		root.Send(w.pid, r)
	}
}

// waiters are served first come, first served.
type waiters struct {
	queue []*waiter
	first schedule.Instant // the earliest deadline; zero: nobody waits
}

func (ws *waiters) add(now schedule.Instant, w *waiter) {
	ws.queue = append(ws.queue, w)
	ws.first = schedule.Earliest(now, ws.first, w.deadline)
}

// answerAll answers and removes all but those that get no reply yet.
func (ws *waiters) answerAll(now schedule.Instant, root *actor.RootContext, reply func(*waiter) messages.Reply) {
	leaving := ws.queue
	*ws = waiters{}
	for _, w := range leaving {
		if r := reply(w); r != nil {
			w.answer(root, r)
		} else {
			ws.add(now, w)
		}
	}
}

// sweepEvery bounds what deadlines cost when each of many waiters has its own: a
// waiter may be told this much late, whose own clock has told it already.
const sweepEvery = time.Millisecond

// dropLate answers and removes those whose deadline has come. It may spare those
// whose deadline came while the process was stopped.
func (ws *waiters) dropLate(now schedule.Instant, spare bool, late func(*waiter)) {
	if !ws.first.Reached(now) {
		return
	}
	kept := ws.queue[:0]
	ws.first = schedule.Instant{}
	for _, w := range ws.queue {
		switch {
		case w.deadline.Reached(now) && spare && missed(now, w.deadline):
			w.deadline = now.AddElapsed(mercy)
		case w.deadline.Reached(now):
			late(w)
			continue
		}
		kept = append(kept, w)
		ws.first = schedule.Earliest(now, ws.first, w.deadline)
	}
	clear(ws.queue[len(kept):])
	ws.queue = kept
	if !ws.first.IsZero() {
		ws.first = schedule.Latest(now, ws.first, now.Add(sweepEvery))
	}
}

// dropLeft removes those who do not wait any more. It is worth its while only
// when room is short.
func (ws *waiters) dropLeft() {
	ws.queue = slices.DeleteFunc(ws.queue, func(w *waiter) bool { return w.inbox != nil && w.inbox.left.Load() })
}

// wait makes the asker wait for the outcome of an attempt.
func (k *keeper) wait(now schedule.Instant, w *waiter, deadline time.Time) {
	limit := k.options().Waiters
	if len(k.waiting.queue) >= limit {
		k.waiting.dropLeft()
	}
	if len(k.waiting.queue) >= limit {
		k.turnAway(now, w, k.slot.err(messages.ErrOverloaded, errTooMany))
		return
	}
	w.deadline = now.AddElapsed(k.options().Policy.Timeout + time.Second)
	if !deadline.IsZero() {
		w.deadline = now.AddElapsed(max(min(deadline.Sub(now.Time()), longestWait), -longestWait))
	}
	k.waiting.add(now, w)
}

// longestWait bounds the deadlines that callers set, so that none overflows.
const longestWait = 24 * time.Hour

// turnAway answers an asker who cannot wait, or not any longer. A living token,
// however short its life, is better than err.
func (k *keeper) turnAway(now schedule.Instant, w *waiter, err error) {
	if _, wantsToken := w.command.(*messages.GetToken); wantsToken && k.state().living(now) {
		w.answer(k.env.Root, k.tokenReply(now, &k.slot.misses))
		return
	}
	k.slot.misses.Add(1)
	w.answer(k.env.Root, messages.ReplyError(w.command, err))
}

// dropLate tells those whose time is up.
func (k *keeper) dropLate(now schedule.Instant) {
	spare := k.state().flight.phase == flying
	k.waiting.dropLate(now, spare, func(w *waiter) { k.turnAway(now, w, k.slot.err(messages.ErrTimeout, errLateReply)) })
}
