// Package audit writes decisions about access, each as a line of JSON.
//
// A [Log] takes records and never waits: they go through a bounded queue to one
// goroutine, which owns the file. What does not fit, or cannot be written, is
// counted, and a line says how many were lost as soon as lines can be written again.
// The file is for its owner only, is only appended to, and is opened anew when it
// has been moved away, which is looked at once a second before a line is written. It
// is no link, and lies where only root and the user of this process can put files.
package audit

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"tokend/system/access"
)

const (
	queueLength = 16 << 10
	lookAgain   = time.Second
	// batchSize is how much is written at once, at most.
	batchSize = 64 << 10
)

// Log is an [access.Auditor] that writes to a file or to a writer.
type Log struct {
	queue   chan access.Record
	dropped atomic.Uint64 // since the last line that said so
	stop    chan struct{}
	ended   sync.WaitGroup
	once    sync.Once
}

// Open returns a Log that appends to the file at path, and tells report of what
// keeps it from writing.
func Open(path string, report func(text string)) (*Log, error) {
	return openAt(place{path: path}, report)
}

// OpenTrusting is Open where everyone who can change the directory, or the way to it, is
// trusted.
func OpenTrusting(path string, report func(text string)) (*Log, error) {
	return openAt(place{path, true}, report)
}

func openAt(p place, report func(text string)) (*Log, error) {
	f, err := p.open()
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return start(&writer{to: f, file: f, place: p, looked: time.Now(), report: report}), nil
}

// To returns a Log that writes to w.
func To(w io.Writer, report func(text string)) *Log {
	return start(&writer{to: w, report: report})
}

func start(w *writer) *Log {
	l := &Log{queue: make(chan access.Record, queueLength), stop: make(chan struct{})}
	w.log = l
	l.ended.Go(w.run)
	return l
}

// Audit takes a record. When the queue is full, or the Log is closed, it is lost.
func (l *Log) Audit(r access.Record) {
	select {
	case l.queue <- r:
	default:
		l.dropped.Add(1)
	}
}

// Close writes what has been taken so far and closes the file.
func (l *Log) Close() {
	l.once.Do(func() { close(l.stop) })
	l.ended.Wait()
}
