package system

import (
	"context"
	"fmt"
	"maps"

	"tokend/actors/provider"
	"tokend/actors/supervisor"
	"tokend/actors/token"
	"tokend/messages"
)

// lock makes the caller the one who changes services.
func (s *System) lock(ctx context.Context) error {
	select {
	case s.applying <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *System) unlock() { <-s.applying }

// run makes b what runs. The caller has locked.
func (s *System) run(ctx context.Context, b *build) error {
	previous := s.services.Swap(b)
	s.leftovers = s.leftovers || b.leaves(previous)
	s.warnOfLogins(b, previous)
	s.warnOfShared(b, previous)
	s.recallLogins(b, previous)
	s.watch()
	return s.tell(ctx, b)
}

// leave ends the services of before that next does not have. The caller has locked.
// When it fails, they may be ending still.
func (s *System) leave(ctx context.Context, before, next *build) error {
	stay := before.options(&s.gates)
	all := len(stay)
	maps.DeleteFunc(stay, func(name string, _ *token.Options) bool { return next.services[name] == nil })
	if len(stay) == all {
		return nil
	}
	s.sinks.Apply(next.sinks) // see tell
	return s.supervise(ctx, stay)
}

// tell makes the supervisor run these services.
func (s *System) tell(ctx context.Context, b *build) error {
	s.gates.setLimit(b.limits.InFlightPerHost)
	s.sinks.Apply(b.sinks) // first: a service that goes takes its file along before its token seems dead
	err := s.supervise(ctx, b.options(&s.gates))
	s.sinks.Look()
	if err == nil {
		s.tidy(b)
	}
	return err
}

// supervise makes the supervisor run services with these options, and waits until it
// does, at most until ctx ends: it goes on then.
func (s *System) supervise(ctx context.Context, services map[string]*token.Options) error {
	reply := make(chan error, 1)
	s.actors.Root.Send(s.supervisor, &supervisor.Apply{Services: services, Reply: reply})
	select {
	case err := <-reply:
		return err
	case <-s.ended:
		return &messages.Error{Kind: messages.ErrStopped}
	case <-ctx.Done():
		return fmt.Errorf("services: %w", context.Cause(ctx))
	}
}

// tidy gives up what no service of b uses: gates, connections, and records of those
// that have ended. The supervisor knows of b, so that no acquisition begins by what was
// before any more.
func (s *System) tidy(b *build) {
	hosts, settings := make(map[string]bool), make(map[provider.TLS]bool)
	lives := make(map[string]bool)
	for name, v := range b.services {
		if v.loggedIn() {
			lives[name] = true
		}
		hosts[gateOf(v)] = true
		settings[tlsOf(&v.configured)] = true
	}
	s.gates.keep(hosts)
	s.transports.Keep(settings)
	s.logins.Keep(lives)
	s.forgetGone(b)
}
