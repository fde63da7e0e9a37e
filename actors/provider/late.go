package provider

import (
	"context"
	"sync"
	"time"
)

// How long a deadline that was noticed late is extended.
const (
	leastGrace = 50 * time.Millisecond
	mostGrace  = 2 * time.Second
	// stopped is how late an extended deadline must be again for the process to have
	// been stopped again, and not just to run on a busy machine.
	stopped = time.Second
)

// moment is a point in time as all clocks show it.
type moment struct {
	at   time.Time     // by the wall clock and the monotonic one
	boot time.Duration // by one that goes on while the machine sleeps
}

func thisMoment() moment { return moment{time.Now(), sinceBoot()} }

// until returns how much later now is, by the clock that says the most: each of them
// misses some of what stops a process.
func (m moment) until(now moment) time.Duration {
	return max(now.at.Sub(m.at), now.at.Round(0).Sub(m.at.Round(0)), now.boot-m.boot)
}

// grace returns by how much a deadline is extended that was noticed late. A process
// that was stopped finds that its time is up before it has read what came in
// meanwhile.
func grace(late time.Duration) time.Duration {
	if late <= 0 {
		return 0
	}
	return min(max(late, leastGrace), mostGrace)
}

// alarm is a timer that knows when it is late.
type alarm struct {
	ring func()

	mu     sync.Mutex
	timer  *time.Timer
	set    moment
	length time.Duration
	late   bool // it has found itself late, and been set once more
	over   bool // it was stopped, or has rung
}

// newAlarm has ring called after d on a goroutine of its own.
func newAlarm(d time.Duration, ring func()) *alarm {
	a := &alarm{ring: ring, set: thisMoment(), length: d}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.timer = time.AfterFunc(d, a.due)
	return a
}

// Stop reports whether it keeps the alarm from ringing.
func (a *alarm) Stop() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.over
	a.over = true
	a.timer.Stop()
	return !before
}

func (a *alarm) due() {
	if a.rings() {
		a.ring()
	}
}

// rings reports whether it is time; else it is set once more, if it was not stopped.
func (a *alarm) rings() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return false
	}
	now := thisMoment()
	late := a.set.until(now) - a.length
	if more := grace(late); more > 0 && (!a.late || late >= stopped) {
		a.late, a.set, a.length = true, now, more
		a.timer.Reset(more)
		return false
	}
	a.over = true
	return true
}

// Within returns a context that ends after d, as that of context.WithTimeout does.
// Where that is noticed late, because the process or the machine was stopped, it
// goes on for as long as it is late, but for 50 ms at least and 2 s at most: what
// has come in meanwhile counts.
func Within(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	at := time.Now().Add(d)
	if earlier, ok := parent.Deadline(); ok && earlier.Before(at) {
		at = earlier
	}
	t := &timed{Context: context.WithoutCancel(parent), at: at, done: make(chan struct{})}
	ctx, cancel := context.WithCancelCause(t)
	ring := newAlarm(d, t.end)
	stop := context.AfterFunc(parent, func() {
		if parent.Err() == context.DeadlineExceeded {
			t.end()
			return
		}
		cancel(context.Cause(parent))
	})
	return ctx, func() {
		stop()
		ring.Stop()
		cancel(nil)
	}
}

// timed is a context that ends when it is told that its time is up.
type timed struct {
	context.Context

	at   time.Time
	once sync.Once
	done chan struct{}
}

func (t *timed) end() { t.once.Do(func() { close(t.done) }) }

func (t *timed) Deadline() (time.Time, bool) { return t.at, true }
func (t *timed) Done() <-chan struct{}       { return t.done }

func (t *timed) Err() error {
	select {
	case <-t.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
