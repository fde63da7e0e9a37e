package system

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/system/sink"
)

// newSinks returns what keeps the files, without any yet.
func (s *System) newSinks() *sink.Keeper {
	return sink.NewKeeper(sink.Options{
		Source: sinkSource{s}, Log: s.options.log, Now: func() time.Time { return s.env.Clock.Now().Time() },
	})
}

// sinkSource is what sinks see of a System.
type sinkSource struct{ system *System }

// Look is that of [sink.Source]. It counts no hit: nobody has asked.
func (s sinkSource) Look(service string) (tok messages.Token, standing sink.Standing) {
	slot := s.system.directory.Lookup(service)
	switch {
	case slot == nil:
		return tok, sink.Unknown
	case slot.Living(&tok):
		return tok, sink.Living
	}
	state := slot.Info().State
	switch {
	case slot.Ending():
		return messages.Token{}, sink.Unknown
	case slot.Turning():
		return messages.Token{}, sink.Turning
	case state == messages.StateExpired:
		return messages.Token{}, sink.Dead
	default:
		return messages.Token{}, sink.Absent
	}
}

// Subscribe is that of [sink.Source].
func (s sinkSource) Subscribe(ctx context.Context) <-chan messages.Event {
	return s.system.Subscribe(ctx)
}

// Stale is that of [sink.Source].
func (s sinkSource) Stale(service, path string, remains bool) {
	if slot := s.system.directory.Lookup(service); slot != nil {
		s.system.env.Publish(&messages.SinkStale{Occurrence: slot.Occurrence(), Path: path, Remains: remains})
	}
}

// Sinks tells how the files that hold tokens do, by path, at once.
func (s *System) Sinks() []sink.Stat { return s.sinks.Stats() }

// ExposedSink is a sink whose directory others than root, the user of this process and the
// owner of the file can change.
type ExposedSink struct {
	At   string // path in the configuration
	Weak error  // who can
}

// ExposedSinks returns those that were so when they were new.
func (s *System) ExposedSinks() []ExposedSink { return slices.Clone(s.services.Load().exposed) }

// makeSinks makes the sinks of the services that are valid as far as is known. Whether
// a place will do is looked at once, when the sink is new: later a configuration must
// not be refused for what has become of a directory since.
func (b *build) makeSinks(full *config.Config, previous *build, invalid bool) error {
	known := func(name string) bool { _, ok := full.Services[name]; return ok }
	before := previous.sinksByPath()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(full.Services)) {
		svc := full.Services[name]
		if svc.Sinks == nil || invalid && !validAlone(name, svc) {
			continue
		}
		for i := range *svc.Sinks {
			made, err := makeSink(name, &svc, &(*svc.Sinks)[i], known, before)
			errs = append(errs, under(fmt.Sprintf("services.%s.sinks[%d]", name, i), err))
			if made == nil {
				continue
			}
			b.sinks = append(b.sinks, made)
			if weak := made.Exposed(); weak != nil && err == nil {
				b.exposed = append(b.exposed, ExposedSink{fmt.Sprintf("services.%s.sinks[%d].path", name, i), weak})
			}
		}
	}
	return errors.Join(errs...)
}

func makeSink(service string, of *config.Service, s *config.Sink, known func(string) bool, before map[string]*sink.Sink) (*sink.Sink, error) {
	spec, err := sinkSpec(service, s)
	if err != nil {
		return nil, err
	}
	if spec.Format == sink.FormatHeader {
		spec.Placement = injection(of.Inject)
	}
	made, err := sink.New(spec, known)
	if err != nil {
		return nil, ofSink(err)
	}
	if made.Same(before[made.Path()]) {
		return made, nil
	}
	return made, ofSink(made.Place())
}

// sinksByPath returns the sinks of b, none if b is nil.
func (b *build) sinksByPath() map[string]*sink.Sink {
	all := map[string]*sink.Sink{}
	if b != nil {
		for _, s := range b.sinks {
			all[s.Path()] = s
		}
	}
	return all
}

// ofSink returns an error of a sink as one of the configuration.
func ofSink(err error) error {
	if e, ok := errors.AsType[*sink.KeyError](err); ok {
		return &config.FieldError{Path: e.Key, Message: e.Problem}
	}
	return err
}

func sinkSpec(service string, s *config.Sink) (sink.Spec, error) {
	path, err := filepath.Abs(s.Path)
	if err != nil {
		return sink.Spec{}, &config.FieldError{Path: "path", Message: err.Error()}
	}
	text, err := s.TemplateText()
	if err != nil {
		return sink.Spec{}, err
	}
	return sink.Spec{
		Service: service, Path: path, Format: cmp.Or(s.Format, config.SinkToken), Name: s.Name, Template: text.Reveal(),
		Mode: cmp.Or(s.Mode, 0o600), Owner: s.Owner,
		KeepExpired: s.WhenExpired == "keep", RemoveOnStop: s.OnStop == "remove", Hook: hook(s.OnChange),
		TrustDirectory: s.TrustDirectory,
	}, nil
}

func hook(o *config.OnChange) *sink.Hook {
	switch {
	case o == nil:
		return nil
	case o.Signal != nil:
		return &sink.Hook{PIDFile: o.Signal.PIDFile, Signal: cmp.Or(o.Signal.Signal, "HUP")}
	default:
		return &sink.Hook{Exec: slices.Clone(o.Exec), Timeout: cmp.Or(o.Timeout, config.DefaultHookTimeout)}
	}
}

// needed returns the services that some sink holds a token of: they are eager.
func (b *build) needed() map[string]bool {
	needed := map[string]bool{}
	for _, s := range b.sinks {
		for _, service := range s.Services() {
			needed[service] = true
		}
	}
	return needed
}
