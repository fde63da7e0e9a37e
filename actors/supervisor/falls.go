package supervisor

import (
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/schedule"
	"tokend/actors/token"
	"tokend/messages"
)

// fall is what is known of an actor that crashed, or was stopped by somebody
// else, not long ago.
type fall struct {
	count  int              // in a row
	last   schedule.Instant // when it was last started again
	down   bool             // it waits for its restart
	dead   bool             // it is gone: to be spawned, not restarted
	epoch  uint64           // of the restart it waits for
	timer  *time.Timer
	pause  time.Duration
	reason string
	again  func(actor.Context) error
}

func (f *fall) stop() {
	if f.timer != nil {
		f.timer.Stop()
	}
}

// wellAfter is how long an actor must run to have its falls forgotten.
const wellAfter = time.Minute

// startAgain tells the supervisor that a fallen actor's pause is over.
type startAgain struct {
	messages.Unlogged
	service string
	epoch   uint64
}

// HandleFailure is called on the supervisor's goroutine when a child has
// panicked. The child's mailbox is closed until it is restarted.
func (s *supervisor) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	c, ok := sup.(actor.Context)
	slot := s.slots[child.Id[strings.LastIndexByte(child.Id, '/')+1:]]
	if !ok || slot == nil || slot.Ending() {
		sup.StopChildren(child)
		return
	}
	s.fallen(c, slot, false, describe(reason).Error(), func(actor.Context) error {
		sup.RestartChildren(child)
		return nil
	})
}

// fallen starts an actor again: at once the first time, after a pause if it
// keeps falling.
func (s *supervisor) fallen(c actor.Context, slot *token.Slot, dead bool, reason string, again func(actor.Context) error) {
	now := s.Env.Clock.Now()
	f := s.falls[slot.Name()]
	if f == nil || now.Elapsed(f.last) > wellAfter {
		f = &fall{}
		s.falls[slot.Name()] = f
	}
	f.count++
	f.epoch++
	f.pause = schedule.RestartPause(f.count, s.Env.Roll())
	f.reason, f.again, f.down, f.dead = reason, again, true, dead
	if f.pause == 0 {
		s.startAgain(c, slot, f)
		return
	}
	slot.Down(now.Add(f.pause))
	f.stop()
	root, self, due := c.ActorSystem().Root, c.Self(), &startAgain{service: slot.Name(), epoch: f.epoch}
	f.timer = time.AfterFunc(f.pause, func() { root.Send(self, due) })
}

func (s *supervisor) onStartAgain(c actor.Context, m *startAgain) {
	slot, f := s.slots[m.service], s.falls[m.service]
	if slot == nil || f == nil || f.epoch != m.epoch || !f.down || slot.Ending() {
		return
	}
	s.startAgain(c, slot, f)
}

func (s *supervisor) startAgain(c actor.Context, slot *token.Slot, f *fall) {
	f.last = s.Env.Clock.Now()
	if err := f.again(c); err != nil {
		s.Env.Log.WithError(err).WithField("service", slot.Name()).Error("actor not started again")
		s.fallen(c, slot, f.dead, f.reason, f.again)
		return
	}
	f.down, f.dead = false, false
	slot.Up()
	s.Env.Publish(&messages.ActorRestarted{
		Occurrence: slot.Occurrence(), Restarts: f.count, Pause: f.pause, Reason: f.reason,
	})
}
