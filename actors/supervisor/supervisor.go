package supervisor

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/token"
	"tokend/messages"
)

// Apply makes the services those of the map and nothing else. Services whose
// options are the very same pointer as before are left alone. The reply comes
// when what was removed is gone, and tells which services could not be started.
type Apply struct {
	messages.Unlogged
	Services map[string]*token.Options
	Reply    chan<- error // with room for one
}

// Stop ends all services and then the supervisor, see [Options].
type Stop struct{ messages.Unlogged }

// Ping is answered at once, which shows that messages are dealt with.
type Ping struct {
	messages.Unlogged
	Answer chan<- struct{} // with room for one
}

// Options are what a supervisor needs.
type Options struct {
	Env       *token.Env
	Directory *Directory
	Child     []actor.PropsOption // of the token actors
	Done      chan<- struct{}     // closed when the supervisor and all its services have ended
}

// Props returns the properties of a supervisor.
func Props(o Options, opts ...actor.PropsOption) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor {
		return &supervisor{
			Options: o, slots: make(map[string]*token.Slot), falls: make(map[string]*fall),
			inAir: make(map[string]<-chan struct{}),
		}
	}, opts...)
}

// supervisor is the actor. It is its own strategy for its children's failures,
// so that these are handled like messages.
type supervisor struct {
	Options
	slots  map[string]*token.Slot
	falls  map[string]*fall
	inAir  map[string]<-chan struct{} // flights of services that have ended
	ending int                        // services that have yet to end
	jobs   []*job                     // the first is under way
	watch  watch
	deaf   func() // ends what listen began; nil: it has not begun
}

// job is an Apply or a Stop. One at a time: a name that is removed and added
// again must be free first.
type job struct {
	apply *Apply // nil: Stop
	begun bool
	err   error
}

var errJobCrashed = errors.New("the supervisor crashed while changing services: apply again")

// Receive is the supervisor's table of messages.
func (s *supervisor) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		s.watch.start(c, s.Env.Clock.Now())
	case *actor.Stopping:
		s.onStopping()
	case *actor.Stopped:
		s.onStopped()
	case *actor.Terminated:
		s.onTerminated(c, m)
	case *Apply:
		s.enqueue(c, &job{apply: m})
	case *Stop:
		s.enqueue(c, &job{})
	case *Ping:
		m.Answer <- struct{}{}
	case *startAgain:
		s.onStartAgain(c, m)
	case *vanished:
		s.buried(c, s.slots[m.service])
	case *tick:
		s.onTick(c)
	case *token.Saved:
		s.onSaved(c, m)
	case *messages.ListServices:
		c.Respond(&messages.ServicesReply{Services: s.Directory.Infos()})
	default:
		s.Env.Log.Debugf("supervisor: unexpected %T", m)
	}
}

func (s *supervisor) enqueue(c actor.Context, j *job) {
	s.jobs = append(s.jobs, j)
	s.work(c)
}

// work does jobs, and stops when one must wait for services to end. Whoever ends
// the waiting calls it again, and so does every tick: a job that made the
// supervisor crash would else be in the way of the next for ever.
func (s *supervisor) work(c actor.Context) {
	for len(s.jobs) > 0 {
		j := s.jobs[0]
		if !j.begun {
			j.begun, j.err = true, errJobCrashed
			j.err = s.begin(c, j)
		}
		if s.ending > 0 {
			return
		}
		s.jobs = s.jobs[1:]
		if j.apply == nil {
			c.Stop(c.Self())
			return
		}
		j.apply.Reply <- j.err
	}
}

func (s *supervisor) begin(c actor.Context, j *job) error {
	if j.apply != nil {
		return s.apply(c, j.apply.Services)
	}
	for _, slot := range s.slots {
		s.end(c, slot, messages.ErrStopped)
	}
	return nil
}

func (s *supervisor) apply(c actor.Context, services map[string]*token.Options) error {
	s.listen(c)
	maps.DeleteFunc(s.inAir, func(_ string, air <-chan struct{}) bool { return landed(air) })
	for name, slot := range s.slots {
		if services[name] == nil {
			s.end(c, slot, messages.ErrUnknownService)
		}
	}
	var errs []error
	// In order, so that what is asked for together lies together.
	for _, name := range slices.Sorted(maps.Keys(services)) {
		if err := s.ensure(c, name, services[name]); err != nil {
			errs = append(errs, &messages.Error{Kind: messages.ErrUnavailable, Service: name, Cause: err})
		}
	}
	s.publishDirectory()
	return errors.Join(errs...)
}

func landed(air <-chan struct{}) bool {
	select {
	case <-air:
		return true
	default:
		return false
	}
}

// ensure makes a service run with these options.
func (s *supervisor) ensure(c actor.Context, name string, o *token.Options) error {
	if slot := s.slots[name]; slot != nil {
		if slot.Options() != o {
			slot.Configure(o)
			c.Send(slot.PID(), &token.Reconfigured{})
		}
		return nil
	}
	pid := c.ActorSystem().NewLocalPID(c.Self().Id + "/" + name)
	slot, err := token.NewSlot(name, pid, s.Env, o, s.inAir[name])
	if err != nil {
		return err
	}
	if err := s.spawn(c, slot); err != nil {
		return err
	}
	s.slots[name] = slot
	delete(s.inAir, name)
	return nil
}

func (s *supervisor) spawn(c actor.Context, slot *token.Slot) error {
	_, err := c.SpawnNamed(token.Props(slot, s.Child...), slot.Name())
	return err
}

func (s *supervisor) publishDirectory() {
	running := make(map[string]*token.Slot, len(s.slots))
	for name, slot := range s.slots {
		if !slot.Ending() {
			running[name] = slot
		}
	}
	s.Directory.publish(running)
}

// end makes a service end after the commands that are in its mailbox. One that
// is down handles no commands, but refuses them.
func (s *supervisor) end(c actor.Context, slot *token.Slot, kind error) {
	slot.End(kind)
	s.ending++
	switch f := s.falls[slot.Name()]; {
	case f == nil || !f.down:
		c.Poison(slot.PID())
	case f.dead:
		c.Send(c.Self(), &vanished{service: slot.Name()})
	default:
		c.Stop(slot.PID())
	}
}

func (s *supervisor) onTerminated(c actor.Context, m *actor.Terminated) {
	name := strings.TrimPrefix(m.Who.Id, c.Self().Id+"/")
	slot := s.slots[name]
	switch {
	case slot == nil:
	case slot.Ending():
		s.buried(c, slot)
	default:
		// What was in its mailbox is lost, and until it is there again so is what is
		// sent to it.
		slot.Down(s.Env.Clock.Now())
		slot.Lost()
		s.fallen(c, slot, true, "stopped from outside", func(c actor.Context) error { return s.spawn(c, slot) })
	}
}

// vanished tells the supervisor that a service to be ended has no actor.
type vanished struct {
	messages.Unlogged
	service string
}

// buried forgets a service that has ended. What it leaves in the air is
// remembered: a service of that name waits for it before it asks the IdP. What the
// store has of it is for others to forget: it may be a login.
func (s *supervisor) buried(c actor.Context, slot *token.Slot) {
	delete(s.slots, slot.Name())
	if f := s.falls[slot.Name()]; f != nil {
		f.stop()
		delete(s.falls, slot.Name())
	}
	if air := slot.Airborne(); air != nil {
		s.inAir[slot.Name()] = air
	}
	if slot.Removed() {
		s.Env.Publish(&messages.ServiceRemoved{Occurrence: slot.Occurrence()})
	}
	slot.Gone()
	s.ending--
	s.work(c)
}

func (s *supervisor) onStopping() {
	s.watch.stop()
	if s.deaf != nil {
		s.deaf()
	}
	for _, f := range s.falls {
		f.stop()
	}
	for _, slot := range s.slots {
		slot.End(messages.ErrStopped)
	}
	s.Directory.publish(nil)
}

func (s *supervisor) onStopped() {
	for _, slot := range s.slots {
		slot.Gone()
	}
	close(s.Done)
}
