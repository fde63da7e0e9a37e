package sink

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/messages"
)

// Standing tells how a service is off.
type Standing int

// The ways in which a service can be off.
const (
	Unknown Standing = iota // there is no such service, or it is just ending: that says nothing about its token
	Absent                  // it has no token yet
	Living                  // it has a token that lives
	Dead                    // it had one, which has expired or was given up
	Turning                 // it had one, which has just expired as it was to, and the next may come any moment
)

// Source is where tokens come from. Its methods may be called concurrently, and do
// not wait.
type Source interface {
	// Look returns the token of a service that is Living, and the zero one else.
	Look(service string) (messages.Token, Standing)
	// Subscribe returns a channel of the events of all services, closed when ctx ends.
	Subscribe(ctx context.Context) <-chan messages.Event
	// Stale is told of a sink whose token has died without a new one to be written;
	// remains tells whether there is a file at the path still.
	Stale(service, path string, remains bool)
}

// Options are what a Keeper needs. All are required.
type Options struct {
	Source Source
	Log    logrus.FieldLogger
	Now    func() time.Time // wall clock

	places places // of the hooks' programs
}

// Keeper keeps the files of sinks. Make it with [NewKeeper]; its methods may be called
// concurrently.
type Keeper struct {
	options Options
	ctx     context.Context
	cancel  context.CancelFunc
	all     sync.WaitGroup // of goroutines

	mu        sync.Mutex // held for moments; guards what follows
	halted    bool
	listening bool
	workers   map[string]*worker // by path
	readers   map[string][]*worker
	ended     map[string]<-chan struct{} // by path: workers that were told to end
}

// NewKeeper returns a Keeper without sinks. It starts nothing.
func NewKeeper(o Options) *Keeper {
	k := &Keeper{options: o, workers: map[string]*worker{}, ended: map[string]<-chan struct{}{}}
	k.options.places = make(places, mostPrograms)
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

// Apply makes these the sinks, of which no two have the same path. Those that are
// configured as before notice nothing. The files of those that are gone are removed:
// nobody renews them. It does not wait for disks.
func (k *Keeper) Apply(sinks []*Sink) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.halted {
		return
	}
	maps.DeleteFunc(k.ended, func(_ string, done <-chan struct{}) bool { return closed(done) })
	next := make(map[string]*worker, len(sinks))
	for _, s := range sinks {
		if w := k.workers[s.spec.Path]; w != nil && w.sink.Same(s) {
			next[s.spec.Path] = w
		}
	}
	k.endOthers(next, sinks)
	for _, s := range sinks {
		if next[s.spec.Path] == nil {
			next[s.spec.Path] = k.start(s)
		}
	}
	k.workers, k.readers = next, map[string][]*worker{}
	for _, w := range next {
		for _, service := range w.sink.services {
			k.readers[service] = append(k.readers[service], w)
		}
	}
	k.listen()
}

// endOthers ends the workers that do not go on. A file stays if another sink is to
// write it.
func (k *Keeper) endOthers(next map[string]*worker, sinks []*Sink) {
	wanted := make(map[string]bool, len(sinks))
	for _, s := range sinks {
		wanted[s.spec.Path] = true
	}
	for path, w := range k.workers {
		if next[path] == nil {
			w.drop.Store(!wanted[path])
			w.cancel()
			k.ended[path] = w.done
		}
	}
}

func (k *Keeper) start(s *Sink) *worker {
	ctx, cancel := context.WithCancel(k.ctx)
	w := newWorker(s, &k.options, k.ended[s.spec.Path], cancel)
	k.all.Go(func() { w.run(ctx) })
	return w
}

// listen makes events wake the workers, from when there are any.
func (k *Keeper) listen() {
	if k.listening || len(k.workers) == 0 {
		return
	}
	k.listening = true
	events := k.options.Source.Subscribe(k.ctx)
	k.all.Go(func() {
		for e := range events {
			k.wake(e.About().Service)
		}
	})
}

func (k *Keeper) wake(service string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range k.readers[service] {
		w.look()
	}
}

// Look makes all sinks look at their tokens now. Tokens that were kept over a restart
// come without an event.
func (k *Keeper) Look() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range k.workers {
		w.look()
	}
}

// Halt begins to end everything: from when it returns, no file is removed because its
// token seems to be gone. It does not wait.
func (k *Keeper) Halt() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.halted = true
	k.cancel()
}

// Wait waits, after Halt, until everything has ended.
func (k *Keeper) Wait() { k.all.Wait() }

// Stats tells how the sinks do, by path.
func (k *Keeper) Stats() []Stat {
	k.mu.Lock()
	workers := slices.Collect(maps.Values(k.workers))
	k.mu.Unlock()
	stats := make([]Stat, len(workers))
	for i, w := range workers {
		stats[i] = w.ledger.read()
		stats[i].Services = slices.Clone(stats[i].Services)
	}
	slices.SortFunc(stats, func(a, b Stat) int { return strings.Compare(a.Path, b.Path) })
	return stats
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
