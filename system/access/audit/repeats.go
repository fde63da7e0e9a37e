package audit

import (
	"sync"
	"time"

	"tokend/system/access"
)

const (
	// refusalsTold is how many refusals of one kind are lines of their own in a window.
	refusalsTold = 10
	window       = time.Minute
)

// kind is what refusals have in common that are told together. There are few: clients,
// listeners, verbs and codes are what a configuration and tokend have.
type kind struct {
	client, listener, verb, code string
	identity                     access.Kind
}

// repeats counts refusals that are the same again and again, so that callers who are
// refused cannot fill a disk. It may be used concurrently.
type repeats struct {
	tell func(access.Record) // of those that were counted

	mu    sync.Mutex // guards what follows
	kinds map[kind]*tally
	ended bool
}

// tally is what happened of one kind in a window.
type tally struct {
	until   time.Time // the end of the window
	told    int
	counted uint64
	timer   *time.Timer // tells at the end; nil: nothing was counted
}

// counted reports whether r has been counted, and is no line of its own.
func (s *repeats) counted(r access.Record, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := kind{r.Client, r.Listener, r.Verb, r.Code, r.Identity}
	t := s.kinds[k]
	if t == nil || !now.Before(t.until) && t.counted == 0 {
		t = &tally{until: now.Add(window)}
		s.put(k, t)
	}
	if t.told < refusalsTold {
		t.told++
		return false
	}
	if s.ended {
		return false
	}
	if t.counted++; t.timer == nil {
		t.timer = time.AfterFunc(t.until.Sub(now), func() { s.close(k, t) })
	}
	return true
}

func (s *repeats) put(k kind, t *tally) {
	if s.kinds == nil {
		s.kinds = map[kind]*tally{}
	}
	s.kinds[k] = t
}

// close ends a window in which refusals were counted. The next one of that kind begins
// another.
func (s *repeats) close(k kind, t *tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kinds[k] == t {
		s.sum(k, t)
	}
}

// sum tells how many were counted. The lock is held.
func (s *repeats) sum(k kind, t *tally) {
	delete(s.kinds, k)
	if t.timer == nil {
		return
	}
	t.timer.Stop()
	s.tell(access.Record{
		Time: time.Now().UTC().Round(0), Client: k.client, Identity: k.identity, Listener: k.listener, Verb: k.verb,
		Decision: access.Refused, Code: k.code, Repeated: t.counted,
	})
}

// end tells what has been counted so far. From then on nothing is counted.
func (s *repeats) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, t := range s.kinds {
		s.sum(k, t)
	}
	s.ended = true
}
