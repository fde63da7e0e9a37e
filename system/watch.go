package system

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
)

// A changed file is found by asking, as that works on every file system and for
// every way of replacing a file, symbolic links in the middle of a path included.
// One question costs about 2 µs, so 10,000 files take a hundredth of one processor
// (see BenchmarkRound); and nobody who has just corrected a secret waits long.
const (
	watchEvery = 2 * time.Second
	settleTime = 500 * time.Millisecond // that a new content must stay: what writes a file in pieces is done by then
)

// watch sees to it that somebody looks at the files that services refer to, if
// there are any and the System runs. A file on a disk that hangs holds up the
// looking at the others, but no acquisition: what they hold then counts at the next
// one.
func (s *System) watch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unwatch != nil || s.stage.Load() != running || !s.refers() {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.unwatch = cancel
	s.watching.Go(func() {
		for s.goOn() && pause(ctx, watchEvery) {
			s.lookAround(ctx)
		}
	})
}

func (s *System) refers() bool { return len(s.services.Load().files) > 0 }

// goOn reports whether there still are files to look at. If not, whoever brings
// some begins the watching anew.
func (s *System) goOn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refers() || s.stage.Load() != running {
		return true // when it does not run, pause ends it
	}
	s.unwatch()
	s.unwatch = nil
	return false
}

// pause waits for d and reports whether it has passed: ctx may end before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// lookAround looks at every file once, at those that have changed once more, and
// has their services try what they hold now.
func (s *System) lookAround(ctx context.Context) {
	var found []*watched
	for _, w := range s.services.Load().files {
		if ctx.Err() != nil {
			return
		}
		if w.differs(&s.reader) {
			found = append(found, w)
		}
	}
	if len(found) == 0 || !pause(ctx, settleTime) {
		return
	}
	var changed []*watched
	for _, w := range found {
		if w.settled(&s.reader) {
			changed = append(changed, w)
		}
	}
	if len(changed) > 0 {
		s.renew(ctx, changed)
	}
}

// renew has the services that refer to the changed files begin anew: tried at
// once, beside the living token. The others notice nothing.
func (s *System) renew(ctx context.Context, changed []*watched) {
	if s.lock(ctx) != nil {
		return
	}
	defer s.unlock()
	b := s.services.Load()
	paths := make(map[string]bool, len(changed))
	for _, w := range changed {
		if b.file(w.path) == w { // else an Apply has read it meanwhile, or nobody refers to it any more
			w.adopt()
			paths[w.path] = true
		}
	}
	names := b.readers(paths)
	if len(names) == 0 || !s.running() {
		return
	}
	next := *b
	next.services = maps.Clone(b.services)
	for _, name := range names {
		next.services[name] = s.renewed(b, name)
	}
	log := s.options.log.WithFields(logrus.Fields{
		"file": slices.Min(slices.Collect(maps.Keys(paths))), "files": len(paths), "services": len(names),
	})
	log.Info("secrets have changed: trying them")
	if err := s.run(ctx, &next); err != nil && ctx.Err() == nil {
		log.WithError(err).Warn("not all services could be told of changed secrets")
	}
}

// renewed returns a service of b for what its files hold now. Its provider is made
// anew, for some read a file only then. One that cannot be made stays: at its next
// attempt it says what is wrong, if it is one that reads the file.
func (s *System) renewed(b *build, name string) *service {
	before := b.services[name]
	next := *before
	next.made = nil
	if err := s.remake(name, &next); err != nil {
		s.options.log.WithError(err).WithField("service", name).Error("no provider can be made with the changed file: the one of before stays")
	}
	next.credential = s.credential(b, name, &next)
	next.succeed(s, before)
	return &next
}

// remake gives v a new provider.
func (s *System) remake(name string, v *service) error {
	p, err := s.provider(name, &v.configured, v.policy)
	if err == nil {
		v.provider = p
	}
	return err
}
