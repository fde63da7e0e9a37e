package sink

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/messages"
)

// worker keeps the file of one sink. Its fields are its goroutine's, but for those
// that say otherwise.
type worker struct {
	sink    *Sink
	source  Source
	now     func() time.Time
	log     logrus.FieldLogger
	file    *file
	hook    *runner         // nil: there is none
	changed chan struct{}   // holds one when somebody thinks that there is something to see
	before  <-chan struct{} // closed when an earlier worker for the path has ended; nil: there was none
	cancel  context.CancelFunc
	drop    atomic.Bool   // set before cancel: the file is to go, for nobody renews it any more
	done    chan struct{} // closed at the end
	ledger  ledger        // anybody's

	complain complaints
	tries    [remove + 1]try // by action
	again    time.Time       // when the first of those that matter now is tried again; zero: none
	foreign  bool            // another file stands where ours was
	said     bool            // that the sink is stale
}

// try is an action that has failed.
type try struct {
	failed bool
	sum    digest    // of what was to be written
	again  time.Time // when it is tried again; by the monotonic clock
	back   backOff
}

func newWorker(s *Sink, o *Options, before <-chan struct{}, cancel context.CancelFunc) *worker {
	w := &worker{
		sink: s, source: o.Source, now: o.Now, before: before, cancel: cancel, file: newFile(s),
		log:     o.Log.WithFields(logrus.Fields{"service": s.spec.Service, "path": s.spec.Path}),
		changed: make(chan struct{}, 1), done: make(chan struct{}),
	}
	w.ledger.stat = Stat{Service: s.spec.Service, Services: s.Services(), Path: s.spec.Path, Stale: true, Since: o.Now().UTC()}
	if s.spec.Hook != nil {
		w.hook = newRunner(s, o.places, w.log, w.observeHook)
	}
	return w
}

// look makes the worker look at the tokens, soon. It never waits; anybody may call it.
func (w *worker) look() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// run keeps the file until ctx ends.
func (w *worker) run(ctx context.Context) {
	defer close(w.done)
	if w.before != nil {
		<-w.before
	}
	var hooks sync.WaitGroup
	if w.hook != nil {
		hooks.Go(func() { w.guarded(func() { w.hook.run(ctx) }) })
	}
	w.guarded(w.begin)
	for ctx.Err() == nil {
		wait := retryMost // should the step crash
		w.guarded(func() { wait = w.step(ctx) })
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-w.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
	hooks.Wait()
	w.guarded(w.end)
}

// guarded keeps a crash from ending the process.
func (w *worker) guarded(f func()) {
	defer func() {
		if r := recover(); r != nil {
			w.log.WithField("cause", fmt.Sprintf("%T", r)).Error("sink crashed, and goes on")
		}
	}()
	f()
}

// begin takes up what an earlier process has left. Its hook may have been on its way
// then, so it runs once more.
func (w *worker) begin() {
	if err := w.sink.exposed; err != nil {
		w.log.WithError(err).Warn("users other than the owner of the file can change the directory of a sink and put another token there")
	}
	if err := w.file.adopt(); err != nil {
		w.log.WithError(err).Warn("what an earlier process has left at a sink cannot be taken up")
	}
	if w.file.held.there {
		w.triggerHook()
		return
	}
	if there, _ := w.file.standing(); there {
		w.log.Warn("a file that is not known lies at a sink's path: the first token replaces it")
	}
}

// end leaves the file as is wanted when nobody renews it any more.
func (w *worker) end() {
	if (w.drop.Load() || w.sink.spec.RemoveOnStop) && w.file.held.there {
		if err := w.file.discard(); err != nil {
			w.log.WithError(err).Error("the file of a sink that has ended cannot be removed")
		}
	}
}

// step brings the file in line with the tokens, and returns how long that may last.
func (w *worker) step(ctx context.Context) time.Duration {
	want := w.wanted()
	defer clear(want.content)
	if ctx.Err() != nil {
		return 0 // what was seen may be the system's end, not the tokens'
	}
	w.inspect()
	w.again = time.Time{}
	died := want.dead || w.file.held.dead(w.now())
	err := w.attempt(decide(want, w.file.held, w.sink.spec.KeepExpired, w.now()), want)
	if err != nil && w.file.held.dead(w.now()) && !w.sink.spec.KeepExpired {
		// What cannot be replaced must not stay either.
		if failed := w.attempt(remove, want); failed != nil && !errors.Is(failed, errPending) {
			err = failed
		}
	}
	w.report(err)
	w.judge(want, died)
	return w.pause()
}

// pause returns how long to wait for the next step.
func (w *worker) pause() time.Duration {
	wait := nextLook(w.file.held, w.now())
	if !w.again.IsZero() {
		wait = min(wait, max(time.Until(w.again), 0))
	}
	return wait
}

// wanted returns what the file should hold.
func (w *worker) wanted() *wanted {
	want := &wanted{held: held{there: true}}
	tokens, lasting := make(map[string]messages.Token, len(w.sink.services)), false
	for _, service := range w.sink.services {
		tok, standing := w.source.Look(service)
		want.there = want.there && standing == Living
		want.dead = want.dead || standing == Dead || standing == Turning
		want.turning = want.turning || standing == Turning
		lasting = lasting || standing == Dead
		if e := tok.ExpiresAt; !e.IsZero() && (want.expires.IsZero() || e.Before(want.expires)) {
			want.expires = e
		}
		tokens[service] = tok
	}
	want.turning = want.turning && !lasting
	if !want.there {
		return want
	}
	if want.content, want.unfit = w.sink.render(tokens); want.unfit != nil {
		want.there = false
		return want
	}
	want.sum = sha256.Sum256(want.content)
	return want
}

// inspect looks whether the file is still there, and still ours. One that has gone is
// written again; another in its place stays until there is a new token.
func (w *worker) inspect() {
	if !w.file.held.there {
		w.foreign = false
		return
	}
	there, ours := w.file.standing()
	switch {
	case !there:
		w.log.Warn("the file of a sink has gone")
		w.file.held, w.file.info = held{}, nil
	case !ours && !w.foreign:
		w.log.Warn("somebody else has changed the file of a sink: it stays until there is a new token")
	}
	w.foreign = there && !ours
}

// attempt does something with the file, unless the same has just failed.
func (w *worker) attempt(act action, want *wanted) error {
	t := &w.tries[act]
	if t.failed && t.sum == want.sum && time.Now().Before(t.again) {
		w.retry(t)
		return errPending
	}
	var err error
	switch act {
	case write:
		err = w.write(want)
	case remove:
		err = w.remove()
	}
	if err == nil {
		w.tries[write], w.tries[remove] = try{}, try{}
		return want.unfit
	}
	w.ledger.edit(func(s *Stat) { s.WriteFailures++ })
	t.failed, t.sum, t.again = true, want.sum, time.Now().Add(t.back.next())
	w.retry(t)
	return err
}

// retry sees to it that there is a step when something is to be tried again.
func (w *worker) retry(t *try) {
	if w.again.IsZero() || t.again.Before(w.again) {
		w.again = t.again
	}
}

// errPending stands for a failure that was told.
var errPending = errors.New("is tried again soon")

func (w *worker) write(want *wanted) error {
	first := !w.file.held.there
	if err := w.file.replace(want.content, want.held); err != nil {
		return err
	}
	w.foreign = false
	w.ledger.edit(func(s *Stat) { s.Writes++; s.WrittenAt = w.now().UTC() })
	if first {
		w.log.Info("sink written")
	} else {
		w.log.Debug("sink written anew")
	}
	w.triggerHook()
	return nil
}

// remove removes the file, but not another one that has taken its place.
func (w *worker) remove() error {
	err := w.file.discard()
	if errors.Is(err, errForeign) {
		w.log.WithError(err).Warn("the token of a sink has died, but the file is not the sink's")
		return nil
	}
	if err == nil {
		w.ledger.edit(func(s *Stat) { s.Removals++ })
	}
	return err
}
