package sink

import (
	"sync"
	"time"
)

// Stat tells how one sink does. The counters count since the sink was configured.
type Stat struct {
	Service  string   // at which the sink is configured
	Services []string // whose tokens the file holds
	Path     string
	// Stale: whoever reads the file now finds none, or one with a token that has died
	// and is kept by choice or because it cannot be removed.
	Stale         bool
	Since         time.Time // since when it is stale, or is not; in UTC
	ExpiresAt     time.Time // when the first of the tokens in the file dies; zero: never, or no file
	WrittenAt     time.Time // when this process last wrote it
	Failure       string    // why it cannot be written or removed; empty: it can
	Writes        uint64
	WriteFailures uint64 // writings and removals that failed
	Removals      uint64 // because a token had died
	Hooks         uint64 // runs of the hook that went well
	HookFailures  uint64
}

// ledger is a Stat that several goroutines write to and read.
type ledger struct {
	mu   sync.Mutex // held for moments
	stat Stat
}

func (l *ledger) edit(change func(s *Stat)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.stat)
}

func (l *ledger) read() Stat {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stat
}
