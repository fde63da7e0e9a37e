package system

import (
	"context"
	"errors"
	"fmt"

	"tokend/config"
	"tokend/messages"
)

// Plan is a configuration that was found to be without mistakes, and what comes of
// it. Make it with [System.Plan].
type Plan struct {
	system *System
	config *config.Config
	before *build
	next   *build
}

// Changes counts the services that a [Plan] makes others.
type Changes struct {
	Added, Removed int
	Changed        int // by their own keys, or by defaults or limits that hold for them
}

// Plan finds out what [System.Apply] would make of cfg, without any of it. The error
// holds all mistakes of cfg. Between the two, a program can prepare what else is to
// change with the services.
func (s *System) Plan(ctx context.Context, cfg *config.Config) (*Plan, error) {
	if cfg == nil {
		return nil, errors.New("plan: no configuration")
	}
	if err := s.lock(ctx); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	defer s.unlock()
	p := &Plan{system: s, config: cfg}
	if err := p.make(); err != nil {
		return nil, err
	}
	return p, nil
}

// Apply does what was planned, see [System.Apply]. What has changed since in other
// ways, such as a file that a service refers to, is taken into account; only for that
// may cfg turn out to have a mistake after all, and then nothing changes.
func (p *Plan) Apply(ctx context.Context) error { return p.ApplyWith(ctx, func() {}) }

// ApplyWith does what [Plan.Apply] does, and calls enter on the way: when nothing can
// refuse the plan any more and the services that go are gone, but before any is new or
// another. Who may have which token, say, is to change then: no grant is ever about a
// service of before that is gone. If ctx ends before they are, enter is called at once.
// It must not change services itself: nobody else can until it has returned. While enter
// has not been called, nothing has changed, or the System stops; an error after that
// tells which services could not be started, or that ctx has ended, and all else is
// done, or goes on.
func (p *Plan) ApplyWith(ctx context.Context, enter func()) error {
	s := p.system
	if err := s.lock(ctx); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	defer s.unlock()
	if !s.running() {
		return &messages.Error{Kind: messages.ErrStopped}
	}
	if s.services.Load() != p.before {
		if err := p.make(); err != nil {
			return err
		}
	}
	if err := s.leave(ctx, p.before, p.next); errors.Is(err, messages.ErrStopped) {
		return err
	} // any other says that they are going still
	enter()
	return s.run(ctx, p.next)
}

// make builds what is to run. The caller has locked.
func (p *Plan) make() (err error) {
	if !p.system.running() {
		return &messages.Error{Kind: messages.ErrStopped}
	}
	p.before = p.system.services.Load()
	p.next, err = p.system.build(p.config, p.before)
	return err
}

// Changes counts the services that become others. Those that do not are in no count.
func (p *Plan) Changes() (c Changes) {
	for name, v := range p.next.services {
		switch before := p.before.services[name]; {
		case before == nil:
			c.Added++
		case before != v:
			c.Changed++
		}
	}
	for name := range p.before.services {
		if p.next.services[name] == nil {
			c.Removed++
		}
	}
	return c
}
