package supervisor

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/schedule"
	"tokend/actors/token"
	"tokend/actors/vault"
	"tokend/messages"
)

// listen has the supervisor told of what other nodes save, if there is a store that
// they share. It is harmless to call it again.
func (s *supervisor) listen(c actor.Context) {
	if s.Env.Store == nil || s.deaf != nil {
		return
	}
	root, self := c.ActorSystem().Root, c.Self()
	s.deaf = s.Env.Store.Watch(func(rec *vault.Record) { root.Send(self, &token.Saved{Record: rec}) })
}

// onSaved hands a record on to its service.
func (s *supervisor) onSaved(c actor.Context, m *token.Saved) {
	if slot := s.slots[m.Record.Key.Service]; slot != nil && m.Record.Key.Variant == "" && !slot.Ending() {
		c.Send(slot.PID(), m)
	}
}

// watch looks for steps of the wall clock, and for sleeps of the machine, which
// stop the monotonic clock.
type watch struct {
	last  schedule.Instant
	timer *time.Timer
}

type tick struct{ messages.Unlogged }

const (
	watchEvery = 5 * time.Second
	watchDrift = time.Second // what clocks may differ by without anybody minding
)

func (w *watch) start(c actor.Context, now schedule.Instant) {
	root, self := c.ActorSystem().Root, c.Self()
	w.last = now
	w.timer = time.AfterFunc(watchEvery, func() { root.Send(self, &tick{}) })
}

func (w *watch) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

func (s *supervisor) onTick(c actor.Context) {
	now := s.Env.Clock.Now()
	drift := now.Drift(s.watch.last)
	s.watch.last = now
	s.watch.timer.Reset(watchEvery)
	s.work(c)
	if drift.Abs() <= watchDrift {
		return
	}
	s.Env.Log.WithField("moved", drift.String()).Warn("wall clock moved against the monotonic clock: planning anew")
	for _, slot := range s.slots {
		c.Send(slot.PID(), &token.ClockMoved{})
	}
}
