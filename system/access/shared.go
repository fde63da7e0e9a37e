package access

import (
	"sync"
	"sync/atomic"
)

// Shared is the policy in force. It may be replaced while others read it.
type Shared struct {
	mu  sync.Mutex // held while one policy follows another
	now atomic.Pointer[Policy]
}

// NewShared returns one with p in force.
func NewShared(p *Policy) *Shared {
	s := &Shared{}
	s.Replace(p)
	return s
}

// Replace puts p in force, for connections that are open already too. What a client
// takes up goes on being counted if the policy before knows it by the same identity,
// whatever its name. Whom that one does not know begins with nothing.
func (s *Shared) Replace(p *Policy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.now.Load(); before != nil {
		p.follow(before)
	}
	s.now.Store(p)
}

// Policy returns the policy in force.
func (s *Shared) Policy() *Policy { return s.now.Load() }

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
