package system

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"tokend/actors/provider"
	"tokend/config"
)

// Option changes how a System is made.
type Option func(*options) error

type options struct {
	log       *logrus.Logger
	actors    *actor.ActorSystem // the host's; nil: one of our own
	name      string
	now       func() time.Time
	roll      func() float64
	factories map[string]Factory
}

// Factory makes the provider of one service of a host's own kind. The values are
// those under the service's options, with references resolved. When a file changes
// that a reference leads to, a provider is made anew, and takes the place of the
// one of before, which ends what it has begun; so factories may be called at any
// time, from any goroutine. The error tells what is wrong with the values, without secrets;
// a panic counts as one that tells its type.
type Factory func(service string, values map[string]any) (provider.Provider, error)

func newOptions(opts []Option) (*options, error) {
	o := &options{log: logrus.StandardLogger(), roll: rand.Float64, factories: make(map[string]Factory)}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("system.New: option %d is nil", i+1)
		}
		if err := opt(o); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// WithLogger makes the System log to log instead of logrus' standard logger.
func WithLogger(log *logrus.Logger) Option {
	return func(o *options) error {
		if log == nil {
			return fmt.Errorf("WithLogger: no logger")
		}
		o.log = log
		return nil
	}
}

// WithActorSystem makes the System's actors live in the host's actor system. It
// is not stopped with the System.
func WithActorSystem(actors *actor.ActorSystem) Option {
	return func(o *options) error {
		if actors == nil {
			return fmt.Errorf("WithActorSystem: no actor system")
		}
		o.actors = actors
		return nil
	}
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// WithName sets the first part of the actors' ids, so that several Systems can
// live in one actor system. A service's actor is then NAME/service/SERVICE;
// without a name it is service/SERVICE.
func WithName(name string) Option {
	return func(o *options) error {
		if !namePattern.MatchString(name) {
			return fmt.Errorf("WithName: %q is not a name: want %s", name, namePattern)
		}
		o.name = name
		return nil
	}
}

// WithClock makes now the wall clock, for tests that step it. The monotonic
// clock and timers stay the system's.
func WithClock(now func() time.Time) Option {
	return func(o *options) error {
		if now == nil {
			return fmt.Errorf("WithClock: no clock")
		}
		o.now = now
		return nil
	}
}

// WithProvider makes services with that provider kind get theirs from factory.
// The kinds that come with tokend cannot be replaced.
func WithProvider(kind string, factory Factory) Option {
	return func(o *options) error {
		if kind == "" {
			return fmt.Errorf("WithProvider: no kind")
		}
		if slices.Contains(config.BuiltIn(), kind) {
			return fmt.Errorf("WithProvider: kind %q is built in and cannot be replaced", kind)
		}
		if factory == nil {
			return fmt.Errorf("WithProvider: kind %q: no factory", kind)
		}
		o.factories[kind] = factory
		return nil
	}
}

// id returns the id of an actor of the System.
func (o *options) id(part string) string {
	if o.name == "" {
		return "tokend/" + part
	}
	return o.name + "/" + part
}

func (o *options) routerID() string {
	if o.name == "" {
		return "tokend"
	}
	return o.name
}

func (o *options) supervisorID() string {
	if o.name == "" {
		return "service"
	}
	return o.name + "/service"
}
