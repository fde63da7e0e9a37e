package token

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tokend/messages"
)

// tally is what few services have: failures by class, restarts, and the notes that
// were logged.
type tally struct {
	restarts atomic.Uint64
	failures [len(classes)]atomic.Uint64
	noted    map[string]bool // by key; the actor's
}

// classes are all classes of failure, in the order in which they are counted.
var classes = [...]string{
	messages.ClassRejected, messages.ClassMalformed, messages.ClassThrottled,
	messages.ClassAmbiguous, messages.ClassPanic, messages.ClassTransient,
}

// rare returns the slot's tally and makes it if need be.
func (s *Slot) rare() *tally {
	if t := s.tally.Load(); t != nil {
		return t
	}
	s.tally.CompareAndSwap(nil, &tally{})
	return s.tally.Load()
}

// succeeded counts an acquisition that brought a token.
func (s *Slot) succeeded(took time.Duration) {
	s.refreshes.Add(1)
	s.env.Timings.observe(s.options.Load().Kind, took)
}

// failed counts an acquisition that failed. What is of no known class is transient.
func (s *Slot) failed(class string, took time.Duration) {
	i := slices.Index(classes[:], class)
	if i < 0 {
		i = len(classes) - 1
	}
	s.failures.Add(1)
	s.rare().failures[i].Add(1)
	s.env.Timings.observe(s.options.Load().Kind, took)
}

// Stats is what is counted of a service, and what is published of its token.
type Stats struct {
	State     string
	ExpiresAt time.Time // zero without a token, and for one without expiry
	Counters  messages.Counters
	Failures  map[string]uint64 // by class, of Counters.Failures; nil: none
	Restarts  uint64            // of the actor
	Waiting   int               // callers who wait for an acquisition
}

// Stats returns what is counted of the service. It asks nobody.
func (s *Slot) Stats() Stats {
	now, st := s.clock.Now(), s.state.Load()
	stats := Stats{State: st.name(now), Counters: s.counters(), Waiting: int(s.waiting.Load())}
	if st.held != nil {
		stats.ExpiresAt = st.held.at.Expiry.Shown(now)
	}
	if t := s.tally.Load(); t != nil {
		stats.Restarts, stats.Failures = t.restarts.Load(), t.byClass()
	}
	return stats
}

func (t *tally) byClass() map[string]uint64 {
	var by map[string]uint64
	for i, class := range classes {
		if n := t.failures[i].Load(); n > 0 {
			if by == nil {
				by = make(map[string]uint64, 1)
			}
			by[class] = n
		}
	}
	return by
}

// Timings tell how long acquisitions take, by kind of provider. The zero Timings
// are ready; the methods may be called concurrently.
type Timings struct{ byKind sync.Map } // of string to *timing

// TimingBounds are the upper bounds of the buckets that acquisitions are counted
// in by how long they took, in seconds.
var TimingBounds = [...]float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}

type timing struct {
	nanoseconds atomic.Uint64
	buckets     [len(TimingBounds) + 1]atomic.Uint64 // the last one is for what took longer
}

func (t *Timings) observe(kind string, took time.Duration) {
	if t == nil {
		return
	}
	found, ok := t.byKind.Load(kind)
	if !ok {
		found, _ = t.byKind.LoadOrStore(kind, &timing{})
	}
	one := found.(*timing)
	took = max(took, 0)
	i, _ := slices.BinarySearch(TimingBounds[:], took.Seconds())
	one.buckets[i].Add(1)
	one.nanoseconds.Add(uint64(took))
}

// Timing is how long acquisitions of one kind of provider took.
type Timing struct {
	Kind    string
	Buckets []uint64 // by TimingBounds, each for itself, and one more
	Sum     time.Duration
}

// All returns the timings of all kinds that there were acquisitions of.
func (t *Timings) All() []Timing {
	var all []Timing
	t.byKind.Range(func(kind, found any) bool {
		one := found.(*timing)
		timing := Timing{Kind: kind.(string), Sum: time.Duration(one.nanoseconds.Load())}
		for i := range one.buckets {
			timing.Buckets = append(timing.Buckets, one.buckets[i].Load())
		}
		all = append(all, timing)
		return true
	})
	return all
}
