package main

import (
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/system/access"
	"tokend/system/httpapi"
	"tokend/system/metrics"
)

// reloader makes another configuration run without a restart: when it is told to by a
// signal or a request, or the file has changed. A configuration is taken whole or not
// at all.
type reloader struct {
	load    func() (*config.Config, error)
	file    configFile
	log     *logrus.Logger
	stdout  io.Writer
	metrics *metrics.Reloads
	hangups <-chan os.Signal
	asked   chan chan<- outcome
	ended   chan struct{} // closed when nothing is reloaded any more

	// What follows is the business of one goroutine.
	config     *config.Config // that runs
	closeAudit func()         // of what runs
	looking    bool           // a changed file was found, and has to prove that it stays
}

// outcome is how a reload ended.
type outcome struct {
	done httpapi.Reloaded
	err  error
}

// What makes the node reload, as the log calls it.
const (
	byRequest = "request"
	bySignal  = "SIGHUP"
	byFile    = "file"
)

// run reloads until ctx ends. It does nothing for a nil reloader.
func (r *reloader) run(ctx context.Context, s *server) {
	if r == nil {
		return
	}
	defer close(r.ended)
	look := time.NewTimer(configEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hangups:
			r.reload(ctx, s, bySignal)
		case reply := <-r.asked:
			reply <- r.reload(ctx, s, byRequest)
		case <-look.C:
			look.Reset(r.look(ctx, s))
		}
	}
}

// look reloads if the file has changed for good, and returns when to look again.
func (r *reloader) look(ctx context.Context, s *server) time.Duration {
	switch {
	case !r.looking:
		if r.looking = r.file.differs(); r.looking {
			return configSettles
		}
	default:
		r.looking = false
		if r.file.settled() {
			r.reload(ctx, s, byFile)
		}
	}
	return configEvery
}

// ask has the node reload and waits for how that ends, at most until ctx ends.
func (r *reloader) ask(ctx context.Context) (httpapi.Reloaded, error) {
	reply := make(chan outcome, 1)
	select {
	case r.asked <- reply:
	case <-r.ended:
		return httpapi.Reloaded{}, &messages.Error{Kind: messages.ErrStopped}
	case <-ctx.Done():
		return httpapi.Reloaded{}, context.Cause(ctx)
	}
	select {
	case o := <-reply:
		return o.done, o.err
	case <-ctx.Done():
		return httpapi.Reloaded{}, context.Cause(ctx)
	}
}

// reload reads the configuration and makes it run, or refuses it and tells why.
func (r *reloader) reload(ctx context.Context, s *server, by string) outcome {
	r.file.note()
	log := r.log.WithField("by", by)
	done, err := r.try(ctx, s)
	if ctx.Err() != nil && len(config.Errors(err)) == 0 {
		return outcome{done, err} // the node stops, which is no failure
	}
	if err != nil {
		r.metrics.Failed()
		return outcome{err: refused(log, err)}
	}
	r.metrics.Succeeded(time.Now())
	log.WithFields(logrus.Fields{"added": done.Added, "removed": done.Removed, "changed": done.Changed}).Info("configuration reloaded")
	return outcome{done: done}
}

// refused tells the log every reason, and returns them for whoever asked.
func refused(log *logrus.Entry, err error) error {
	mistakes := config.Errors(err)
	if len(mistakes) == 0 {
		log.WithError(err).Error("configuration not reloaded: the one before stays")
		return err
	}
	reasons := make(httpapi.Unfit, len(mistakes))
	for i := range mistakes {
		reasons[i] = printable(mistakes[i].Error())
		log.Error(reasons[i])
	}
	log.WithField("mistakes", len(reasons)).Error("configuration refused: the one before stays")
	return reasons
}

// try makes the configuration run that is in the file now.
func (r *reloader) try(ctx context.Context, s *server) (httpapi.Reloaded, error) {
	cfg, err := r.load()
	if err != nil {
		return httpapi.Reloaded{}, err
	}
	next, err := r.prepare(ctx, s, cfg)
	if err != nil {
		return httpapi.Reloaded{}, err
	}
	return r.enter(ctx, s, next)
}

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
	if err = errors.Join(fixed(r.config, cfg), err); err != nil {
		return nil, err
	}
	o := openingOf(cfg)
	if !sameAccess(openingOf(r.config), o) {
		if c.policy, err = o.policy(); err != nil {
			return nil, fieldError("clients", err)
		}
	}
	if cfg.Audit != r.config.Audit {
		c.audit = &auditChange{}
		if c.audit.auditor, c.audit.close, err = openAudit(cfg, r.stdout, r.log); err != nil {
			return nil, fieldError("audit.path", err)
		}
	}
	if c.doors, err = s.planDoors(ctx, o); err != nil {
		c.dropAudit()
		return nil, err
	}
	return c, nil
}

func (c *change) dropAudit() {
	if c.audit != nil {
		c.audit.close()
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

// enter makes the change. Services are first to change, as that is all that can still
// fail; who may do what comes just before them, so that no new service is ever under
// the grants of before.
func (r *reloader) enter(ctx context.Context, s *server, c *change) (httpapi.Reloaded, error) {
	before := s.policy.Policy()
	if c.policy != nil {
		s.policy.Replace(c.policy)
	}
	changes := c.services.Changes()
	if err := c.services.Apply(ctx); err != nil {
		s.policy.Replace(before)
		c.dropAudit()
		c.doors.abandon()
		return httpapi.Reloaded{}, err
	}
	if c.audit != nil {
		s.audit.Replace(c.audit.auditor)
		r.closeAudit()
		r.closeAudit = c.audit.close
	}
	setLog(r.log, c.config.Log)
	s.enter(c.doors)
	r.warn(s, c)
	r.config = c.config
	return httpapi.Reloaded{Reloaded: true, Added: changes.Added, Removed: changes.Removed, Changed: changes.Changed}, nil
}

// warn tells what is new of that which a node tells when it starts.
func (r *reloader) warn(s *server, c *change) {
	told := warnings(r.config)
	for _, text := range warnings(c.config) {
		if !slices.Contains(told, text) {
			r.log.Warn(text)
		}
	}
	if len(c.config.Clients) > 0 {
		return
	}
	opened := c.doors.opened
	if len(r.config.Clients) > 0 {
		opened = c.doors.next
	}
	warnOfTCP(opened, s.log)
}
