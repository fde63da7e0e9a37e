package system

import (
	"context"
	"fmt"

	"tokend/actors/provider"
	"tokend/actors/supervisor"
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
	s.leftovers = s.leftovers || b.leaves(s.services.Load())
	s.services.Store(b)
	s.watch()
	return s.tell(ctx, b)
}

// tell makes the supervisor run these services.
func (s *System) tell(ctx context.Context, b *build) error {
	s.gates.setLimit(b.limits.InFlightPerHost)
	s.sinks.Apply(b.sinks) // first: a service that goes takes its file along before its token seems dead
	reply := make(chan error, 1)
	s.actors.Root.Send(s.supervisor, &supervisor.Apply{Services: b.options(&s.gates), Reply: reply})
	select {
	case err := <-reply:
		s.sinks.Look()
		s.tidy(b)
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
	for _, v := range b.services {
		hosts[gateOf(v)] = true
		settings[tlsOf(&v.configured)] = true
	}
	s.gates.keep(hosts)
	s.transports.Keep(settings)
	s.forgetGone(b)
}
