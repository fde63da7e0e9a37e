package token

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/gate"
	"tokend/actors/schedule"
	"tokend/messages"
)

// Props returns the properties of the actor that owns the slot's token.
func Props(s *Slot, opts ...actor.PropsOption) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor { return &keeper{slot: s, env: s.env} }, opts...)
}

// keeper is the token actor. What it must not lose is in the slot.
type keeper struct {
	slot    *Slot
	env     *Env
	waiting waiters
	timer   *time.Timer
	serving *waiter // the command at hand, until it is answered or waits
	ended   bool    // it has stopped
}

// Receive is the token actor's table of messages.
func (k *keeper) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		k.onStarted(c)
	case *actor.Restarting:
		k.onRestarting()
	case *actor.Stopping:
		k.onStopping(c)
	case *actor.Stopped:
		k.ended = true
	case *wake:
		k.settle(c)
	case *landed:
		k.onLanded(c)
	case *gate.Granted:
		k.onGranted(c, m)
	case *actor.DeadLetterResponse:
		k.onNoGate(c)
	case *Reconfigured:
		k.onReconfigured(c)
	case *ClockMoved:
		k.onClockMoved(c)
	case *Saved:
		k.onSaved(c, m.Record)
	case *Call:
		k.onCommand(c, &waiter{command: m.Command, inbox: m.inbox})
	case *Routed:
		k.onCommand(c, &waiter{command: m.Command, pid: c.Sender(), routed: &k.slot.routed})
	case messages.ServiceCommand:
		k.onCommand(c, &waiter{command: m, pid: c.Sender()})
	default:
		k.env.Log.Debugf("token actor of %s: unexpected %T", k.slot.name, m)
	}
	k.showWaiting()
}

// showWaiting lets others see how many wait.
func (k *keeper) showWaiting() { k.slot.waiting.Store(int32(len(k.waiting.queue))) }

func (k *keeper) onCommand(c actor.Context, w *waiter) {
	k.serving = w
	if k.state().successor() != nil {
		k.settle(c) // it may have become the token
	}
	switch m := w.command.(type) {
	case *messages.GetToken:
		k.onGetToken(c, m, w)
	case *messages.GetTokenInfo:
		w.answer(k.env.Root, &messages.TokenInfoReply{Info: k.slot.Info()})
	case *messages.RefreshToken:
		k.onRefreshToken(c, w)
	case *messages.InvalidateToken:
		k.onInvalidateToken(c, m, w)
	}
	k.serving = nil
}

func (k *keeper) onStarted(c actor.Context) {
	k.takeUpOptions(c)
	if k.state().flight.phase == queued {
		k.queueUp(c)
	}
	if k.slot.resumed {
		k.slot.resumed = false
		k.armSpread(c)
		return
	}
	k.onLanded(c) // a flight may have landed while nobody was here
}

func (k *keeper) onRestarting() {
	k.stopTimer()
}

func (k *keeper) onStopping(c actor.Context) {
	k.stopTimer()
	if !k.slot.Ending() { // stopped by somebody else: the supervisor brings it back
		k.dismiss(k.slot.err(messages.ErrUnavailable, errCrashed))
		return
	}
	k.dismiss(k.slot.endErr())
	k.abort(c)
}

func (k *keeper) onClockMoved(c actor.Context) { k.armSpread(c) }

// armSpread arms the timer anew. What has come due while the clock jumped, or while
// no process was there, is due for all services at once, so it is spread. A caller
// who needs a token does not wait for that.
func (k *keeper) armSpread(c actor.Context) {
	now := k.env.Clock.Now()
	spread := mostSpread
	if life := k.state().life(); life > 0 {
		spread = min(spread, life/10)
	}
	k.arm(c, now, time.Duration(k.env.Roll()*float64(spread)))
}

// mostSpread is over how long the services do what has come due all of a sudden,
// at most.
const mostSpread = 5 * time.Second

// settle does what is due and arms the timer for what comes next.
func (k *keeper) settle(c actor.Context) {
	now := k.env.Clock.Now()
	k.mature(now)
	k.loseFlight(c, now)
	k.announce(now)
	if at := k.state().attempt(now); at.Reached(now) {
		k.takeOff(c, now)
	}
	k.dropLate(now)
	k.arm(c, now, 0)
}

// arm sets the timer. What is due already gets done after the delay.
func (k *keeper) arm(c actor.Context, now schedule.Instant, delay time.Duration) {
	at := schedule.Earliest(now, k.state().next(now), k.waiting.first)
	if at.IsZero() {
		k.stopTimer()
		return
	}
	d := max(at.Until(now), delay)
	if k.timer != nil {
		k.timer.Reset(d)
		return
	}
	root, self := k.env.Root, c.Self()
	k.timer = time.AfterFunc(d, func() { root.Send(self, &wake{}) })
}

func (k *keeper) stopTimer() {
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
}

// announce publishes that the token expires soon or has expired.
func (k *keeper) announce(now schedule.Instant) {
	st := k.state()
	if h := st.held; h != nil && !st.barred() {
		if st.warns(now) && h.at.Warn.Reached(now) {
			st = k.change(func(s *State) { s.warned = true })
			k.publishNeeded(&messages.TokenExpiring{Occurrence: st.occurrence(k.slot.name, now, h), LastError: st.lastError(now)})
		}
		if !st.expired && h.at.Expiry.Reached(now) {
			st = k.change(func(s *State) { s.expired, s.untold, s.since = true, true, now })
		}
		if st.untold && !st.turning(now) {
			st = k.change(func(s *State) { s.untold = false })
			k.publishNeeded(&messages.TokenExpired{Occurrence: st.occurrence(k.slot.name, now, h), LastError: st.lastError(now)})
		}
	}
	k.announceOverdue(now)
}

// announceOverdue gives the warnings that have come due about tokens replaced in
// time.
func (k *keeper) announceOverdue(now schedule.Instant) {
	due := func(o overdue) bool { return o.at.Reached(now) }
	pending := k.state().more().overdue
	if !slices.ContainsFunc(pending, due) {
		return
	}
	st := k.change(func(s *State) {
		s.editMore(func(e *extra) { e.overdue = slices.DeleteFunc(slices.Clone(e.overdue), due) })
	})
	for _, o := range pending {
		if due(o) {
			k.publish(&messages.TokenExpiring{Occurrence: st.occurrence(k.slot.name, now, o.held)})
		}
	}
}

func (k *keeper) state() *State     { return k.slot.state.Load() }
func (k *keeper) options() *Options { return k.slot.options.Load() }

func (k *keeper) publish(e messages.Event) { k.env.Publish(e) }

// publishNeeded publishes what matters only if somebody needs the token: one that
// was acquired to keep a login alive may die.
func (k *keeper) publishNeeded(e messages.Event) {
	if k.state().needed {
		k.publish(e)
	}
}

// change replaces the state by a changed copy, keeps what is new of it, and returns
// it.
func (k *keeper) change(edit func(*State)) *State {
	before := k.state()
	next := *before
	edit(&next)
	news := !next.keptAs(before)
	if news {
		next.revision++
	}
	k.slot.become(&next)
	if store := k.slot.store(); news && store != nil {
		if next.more().refused != before.more().refused {
			store.SaveNow(next.record(k.slot.name)) // a process that starts next must know
		} else {
			store.Save(next.record(k.slot.name))
		}
	}
	return &next
}

// Refuse answers a command that was still in the mailbox when the actor stopped,
// and reports whether it has. It is called on the actor's goroutine for every
// message.
func (k *keeper) Refuse(message any) bool {
	if !k.ended {
		return false
	}
	_, m, sender := actor.UnwrapEnvelope(message)
	w := &waiter{pid: sender}
	switch m := m.(type) {
	case *Call:
		w.command, w.inbox = m.Command, m.inbox
	case *Routed:
		w.command = m.Command
	case messages.ServiceCommand:
		w.command = m
	default:
		return true
	}
	w.answer(k.env.Root, k.slot.StandIn(w.command))
	return true
}

// Abandon tells everybody who waits that the actor crashed. It is called on the
// actor's goroutine, after a panic and before the supervisor hears of it, since a
// restart may be some time away.
func (k *keeper) Abandon() {
	err := k.slot.err(messages.ErrUnavailable, errCrashed)
	if w := k.serving; w != nil {
		k.serving = nil
		k.turnAway(k.env.Clock.Now(), w, err)
	}
	k.dismiss(err)
}

// dismiss answers everybody who waits with err, or with a living token.
func (k *keeper) dismiss(err error) {
	now, leaving := k.env.Clock.Now(), k.waiting.queue
	k.waiting = waiters{}
	k.showWaiting()
	for _, w := range leaving {
		k.turnAway(now, w, err)
	}
}
