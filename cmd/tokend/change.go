package main

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"tokend/config"
	"tokend/system"
	"tokend/system/access"
)

// change is another configuration of which everything is ready.
type change struct {
	config   *config.Config
	services *system.Plan
	policy   *access.Policy // nil: that of before
	audit    *auditChange   // nil: that of before
	doors    *doorPlan
}

type auditChange struct {
	auditor access.Auditor
	close   func()
}

// prepare finds everything that is wrong with cfg. What touches the world comes last:
// files and addresses are opened only for a configuration that is right in itself.
func (r *reloader) prepare(ctx context.Context, s *server, cfg *config.Config) (*change, error) {
	c := &change{config: cfg}
	var err error
	c.services, err = s.sys.Plan(ctx, cfg)
	if err = errors.Join(fixed(r.config, cfg), missingGroups(cfg), err); err != nil {
		return nil, err
	}
	o := openingOf(cfg)
	if !sameAccess(openingOf(r.config), o) {
		if c.policy, err = o.policy(); err != nil {
			return nil, fieldError("clients", err)
		}
	}
	c.audit, err = r.planAudit(cfg)
	doors, doorsErr := s.planDoors(ctx, o)
	c.doors = doors
	if err = errors.Join(err, doorsErr); err != nil {
		c.abandon()
		return nil, err
	}
	return c, nil
}

// planAudit opens the audit that cfg asks for, if it is another one.
func (r *reloader) planAudit(cfg *config.Config) (*auditChange, error) {
	if cfg.Audit == r.config.Audit {
		return nil, nil
	}
	auditor, closeAudit, err := openAudit(cfg, r.stdout, r.log, &r.lost.Audit)
	if err != nil {
		return nil, fieldError("audit.path", err)
	}
	return &auditChange{auditor, closeAudit}, nil
}

// abandon undoes what was prepared.
func (c *change) abandon() {
	if c.audit != nil {
		c.audit.close()
	}
	if c.doors != nil {
		c.doors.abandon()
	}
}

// fixed tells what cannot be changed without a restart. Of the vault the system does.
func fixed(before, after *config.Config) error {
	const restart = "cannot be changed while running: that takes a restart"
	var errs []error
	if before.Startup.Mode != after.Startup.Mode {
		errs = append(errs, &config.FieldError{Path: "startup.mode", Message: restart})
	}
	if before.Startup.Timeout != after.Startup.Timeout {
		errs = append(errs, &config.FieldError{Path: "startup.timeout", Message: restart})
	}
	return errors.Join(errs...)
}

// sameAccess reports whether callers may do the same: their rates go on being counted
// then.
func sameAccess(a, b opening) bool {
	called := func(o opening) (names []string) {
		for _, e := range o.endpoints {
			names = append(names, e.CalledBy())
		}
		return names
	}
	return a.bounds == b.bounds && reflect.DeepEqual(a.clients, b.clients) && slices.Equal(called(a), called(b))
}
