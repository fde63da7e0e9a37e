package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/config"
	"tokend/messages"
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
	lost    metrics.Lost
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

var errBusy = errors.New("the node is reloading already, and has not begun with this one: ask again")

// ask has the node reload and waits for how that ends, at most until ctx ends.
func (r *reloader) ask(ctx context.Context) (httpapi.Reloaded, error) {
	reply := make(chan outcome, 1)
	select {
	case r.asked <- reply:
	case <-r.ended:
		return httpapi.Reloaded{}, &messages.Error{Kind: messages.ErrStopped}
	case <-ctx.Done():
		return httpapi.Reloaded{}, &messages.Error{Kind: messages.ErrTimeout, Cause: errBusy}
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
		if done.Reloaded {
			return outcome{err: incomplete(log, err)}
		}
		return outcome{err: refused(log, err)}
	}
	r.metrics.Succeeded(time.Now())
	log.WithFields(fieldsOf(done)).Info("configuration reloaded")
	return outcome{done: done}
}

// fieldsOf returns what the log tells of a reload.
func fieldsOf(done httpapi.Reloaded) logrus.Fields {
	fields := logrus.Fields{"added": done.Added, "removed": done.Removed, "changed": done.Changed}
	for name, d := range map[string]*httpapi.Differences{"clients": done.Clients, "listeners": done.Listeners} {
		if d != nil {
			fields[name] = printable(inWordsOf(d))
		}
	}
	return fields
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

// incomplete tells that a configuration runs without some of its services.
func incomplete(log *logrus.Entry, err error) error {
	log.WithError(err).Error("configuration reloaded, but not all of its services run: reload again")
	return &messages.Error{
		Kind: messages.ErrUnavailable, Cause: fmt.Errorf("the configuration is in force, but not all of its services run; reload again: %w", err),
	}
}

// try makes the configuration run that is in the file now.
func (r *reloader) try(ctx context.Context, s *server) (httpapi.Reloaded, error) {
	next, err := r.ready(ctx, s)
	if err != nil {
		return httpapi.Reloaded{}, err
	}
	return r.enter(ctx, s, next)
}

// ready reads the configuration and prepares for it. It does not take the node along if
// it panics.
func (r *reloader) ready(ctx context.Context, s *server) (c *change, err error) {
	defer func() {
		if v := recover(); v != nil {
			r.log.WithField("stack", string(debug.Stack())).Error("reading the configuration crashed")
			err = fmt.Errorf("panic of type %T", v)
		}
	}()
	cfg, err := r.load()
	if err = errors.Join(r.file.usable(), err); err != nil {
		return nil, err
	}
	return r.prepare(ctx, s, cfg)
}

// enter makes the change. Only services can still refuse it. What callers may do counts
// when those that go are gone, and before any is new: nobody gets the token of a
// service by a grant that is about another configuration.
func (r *reloader) enter(ctx context.Context, s *server, c *change) (httpapi.Reloaded, error) {
	changes, begun := c.services.Changes(), false
	err := c.services.ApplyWith(ctx, func() {
		begun = true
		if c.policy != nil {
			s.policy.Replace(c.policy)
		}
		c.doors.tighten()
	})
	if !begun {
		c.abandon()
		return httpapi.Reloaded{}, err
	}
	setLog(r.log, c.config.Log)
	s.enter(c.doors)
	if c.audit != nil {
		s.audit.Replace(c.audit.auditor)
		closeBriefly(r.closeAudit, r.log)
		r.closeAudit = c.audit.close
	}
	r.warn(s, c)
	done := httpapi.Reloaded{Reloaded: true, Added: changes.Added, Removed: changes.Removed, Changed: changes.Changed}
	done.Clients, done.Listeners = changedAccess(r.config, c.config)
	r.config = c.config
	return done, err
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
