package system

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/provider"
	"tokend/actors/publisher"
	"tokend/actors/supervisor"
	"tokend/actors/token"
	"tokend/actors/vault"
	"tokend/actors/vault/disk"
	"tokend/config"
	"tokend/messages"
	"tokend/system/sink"
)

// System keeps the tokens of all configured services. Make it with [New].
type System struct {
	options    *options
	actors     *actor.ActorSystem
	env        *token.Env
	store      atomic.Pointer[disk.Store] // nil: nothing is kept over a restart; set by Start
	transports *provider.Transports
	logins     *provider.Logins // which services live on which refresh tokens
	publisher  *publisher.Publisher
	directory  supervisor.Directory
	gates      gates
	flights    sync.WaitGroup // acquisitions under way
	batches    crew           // batches that were asked for by message
	reader     reader         // of the files that services refer to
	watching   sync.WaitGroup // whoever looks at these files
	unwatch    func()         // ends the watching; nil: nobody watches; guarded by mu
	sinks      *sink.Keeper   // files that hold tokens

	router     *actor.PID
	supervisor *actor.PID

	stage     atomic.Int32
	applying  chan struct{} // holds one while services are changed: one Apply at a time; guards leftovers
	mu        sync.Mutex    // one Start or Stop at a time, never for long; guards routed
	routed    bool
	services  atomic.Pointer[build] // what runs, or is to run once started
	leftovers bool                  // the store may have something of services that are gone
	ended     chan struct{}         // closed by the supervisor
	stopped   chan struct{}         // closed when nothing is left
}

// The stages of a System's life.
const (
	created int32 = iota
	running
	stopping
	stopped
)

// New returns a System for cfg, which it validates. It starts nothing: call
// [System.Start]. The error holds everything that is wrong with cfg, each with
// its path.
func New(cfg *config.Config, opts ...Option) (*System, error) {
	if cfg == nil {
		return nil, errors.New("system.New: no configuration")
	}
	o, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	s := &System{
		options: o, actors: o.actors,
		transports: provider.NewTransports(userAgent()), reader: newReader(),
		applying: make(chan struct{}, 1), ended: make(chan struct{}), stopped: make(chan struct{}),
	}
	s.logins = provider.NewLogins(provider.Sharing{Found: s.onLoginShared, Spent: s.onLoginSpent})
	if s.actors == nil {
		s.actors = newActorSystem(o.log)
	}
	b, err := s.build(cfg, nil)
	if err != nil {
		b.storage.wipe()
		return nil, err
	}
	s.services.Store(b)
	if err := s.wire(b); err != nil {
		return nil, err
	}
	return s, nil
}

// wire makes what all services share.
func (s *System) wire(b *build) error {
	v, err := vault.New(b.memory)
	if err != nil {
		return err
	}
	root := s.actors.Root
	s.publisher = publisher.New(root, publisher.Listener{Event: eventLog(s.options.log), Dropped: dropLog(s.options.log)})
	s.router = s.actors.NewLocalPID(s.options.routerID())
	s.supervisor = s.actors.NewLocalPID(s.options.supervisorID())
	s.gates.root, s.gates.prefix, s.gates.props = root, s.options.id("gate/"), s.rootProps()
	s.gates.limit = b.limits.InFlightPerHost
	s.sinks = s.newSinks()
	s.env = &token.Env{
		Clock: token.NewClock(s.options.now), Vault: v, Root: root,
		Log: s.options.log, Publish: s.publisher.Publish, Roll: s.options.roll, Flights: &s.flights, Numbers: &atomic.Uint64{},
		Timings: &token.Timings{},
	}
	return nil
}

// rootProps are the options of actors that have no parent.
func (s *System) rootProps() []actor.PropsOption {
	return []actor.PropsOption{
		actor.WithGuardian(supervisor.Resume()),
		supervisor.Guard(s.options.log),
	}
}

// Start starts the actors; eager services begin to acquire. What was kept of
// services is taken up first, and forgotten of those that are gone: tokens serve at
// once, and an IdP is asked for what is due only, spread over some seconds where
// that is much. From then on the files that services refer to are watched: one that
// holds something else has its services try that at once, as a changed configuration
// does. It does not wait for tokens. ctx bounds the start only. When it fails,
// whatever was started is stopped again. A System is started once.
func (s *System) Start(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("start: %w", context.Cause(ctx))
	}
	if err := s.lock(ctx); err != nil { // no Apply sees a System that is half started
		return fmt.Errorf("start: %w", err)
	}
	defer s.unlock()
	if err := s.launch(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	s.takeStock()
	s.recallLogins(s.services.Load(), nil)
	s.watch()
	b := s.services.Load()
	if err := s.tell(ctx, b); err != nil {
		return s.abandonStart(err)
	}
	s.warnOfLogins(b, nil)
	s.warnOfShared(b, nil)
	return nil
}

// launch starts the actors, without services.
func (s *System) launch() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stage.CompareAndSwap(created, running) {
		return &messages.Error{Kind: messages.ErrStopped, Cause: errors.New("it was started already, and is started once: make a new one")}
	}
	err := s.openStore()
	if err != nil {
		close(s.ended)
	} else {
		err = s.spawn()
	}
	if err != nil {
		s.stage.Store(stopping)
		go s.shutdown()
		return err
	}
	return nil
}

func (s *System) abandonStart(err error) error {
	s.halt()
	return fmt.Errorf("start: %w", err)
}

// spawn starts the actors that have no parent. When one cannot be started, it
// leaves things so that shutdown ends those that could.
func (s *System) spawn() error {
	if err := s.publisher.Start(s.options.id("publisher"), s.rootProps()...); err != nil {
		close(s.ended)
		return fmt.Errorf("actor %s: %w", s.options.id("publisher"), err)
	}
	props := supervisor.Props(supervisor.Options{
		Env: s.env, Directory: &s.directory, Done: s.ended,
		Child: []actor.PropsOption{supervisor.Guard(s.options.log)},
	}, s.rootProps()...)
	if _, err := s.actors.Root.SpawnNamed(props, s.supervisor.Id); err != nil {
		close(s.ended)
		return fmt.Errorf("actor %s: %w", s.supervisor.Id, err)
	}
	if _, free := s.actors.ProcessRegistry.Add(&router{system: s}, s.router.Id); !free {
		s.actors.Root.Send(s.supervisor, &supervisor.Stop{})
		return fmt.Errorf("actor %s: %w", s.router.Id, actor.ErrNameExists)
	}
	s.routed = true
	return nil
}

// Stop stops everything: waiting callers get [messages.ErrStopped], what is to
// outlive the process is kept, and every actor and goroutine ends. It returns when
// that is done, or with an error when ctx ends first; what was begun goes on then.
// Calling it again, or before Start, is harmless.
func (s *System) Stop(ctx context.Context) error {
	s.halt()
	select {
	case <-s.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop: not everything has ended yet: %w", context.Cause(ctx))
	}
}

// halt begins to stop everything, unless that has begun.
func (s *System) halt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stage.CompareAndSwap(created, stopped):
		s.services.Load().storage.wipe()
		s.publisher.Close()
		s.transports.Close()
		s.shutdownActors()
		close(s.stopped)
	case s.stage.CompareAndSwap(running, stopping):
		if s.unwatch != nil {
			s.unwatch()
		}
		s.sinks.Halt() // before a token seems to be gone
		s.actors.Root.Send(s.supervisor, &supervisor.Stop{})
		go s.shutdown()
	}
}

// shutdown ends what is left when the services have ended, in the order in which
// it is needed.
func (s *System) shutdown() {
	<-s.ended
	s.gates.stop()
	if s.routed {
		s.actors.ProcessRegistry.Remove(s.router)
	}
	s.publisher.Stop()
	<-s.publisher.Done()
	s.transports.Close()
	s.shutdownActors()
	s.batches.wait()
	s.flushStore() // a flight may last, and who stops the System need not wait for it
	s.flights.Wait()
	s.transports.Close() // HTTP/2 keeps the connections of flights that were waited for
	s.closeStore()
	s.sinks.Halt()
	s.sinks.Wait()    // last: a disk that hangs must not keep the rest from ending
	s.watching.Wait() // and so may this
	s.stage.Store(stopped)
	close(s.stopped)
}

// shutdownActors ends an actor system of our own; a host's is the host's.
func (s *System) shutdownActors() {
	if s.options.actors == nil {
		s.actors.Shutdown()
	}
}

// Apply makes cfg the configuration. New services are added, those that are gone
// are removed and their waiting callers told; those that changed are tried with
// the new configuration at once, while the old token serves until the new one is
// there. The others notice nothing. A cfg with errors changes nothing; the error
// holds all of them.
//
// Of cfg only what concerns services counts: defaults, limits and the services
// themselves. It is an error to change how and where the vault keeps secrets.
func (s *System) Apply(ctx context.Context, cfg *config.Config) error {
	if cfg == nil {
		return errors.New("apply: no configuration")
	}
	p := &Plan{system: s, config: cfg}
	if err := s.lock(ctx); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	defer s.unlock()
	if err := p.make(); err != nil {
		return err
	}
	return s.run(ctx, p.next)
}
