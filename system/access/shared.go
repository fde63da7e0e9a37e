package access

import (
	"sync"
	"sync/atomic"
)

// SharedAuditor is an [Auditor] that hands on to another one, which may be replaced
// while records come in. The zero SharedAuditor drops them.
type SharedAuditor struct {
	mu sync.RWMutex // held while a record is handed on: an Auditor does not wait
	to Auditor
	on atomic.Bool // there is one
}

// Replace makes a, nil for nobody, the one who is told from now on. When it returns,
// the one of before is not told of anything any more.
func (s *SharedAuditor) Replace(a Auditor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = a
	s.on.Store(a != nil)
}

// Audit hands the record on.
func (s *SharedAuditor) Audit(r Record) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.to != nil {
		s.to.Audit(r)
	}
}

// Idle reports whether nobody is told.
func (s *SharedAuditor) Idle() bool { return !s.on.Load() }
