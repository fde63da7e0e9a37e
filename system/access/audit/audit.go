// Package audit writes decisions about access, each as a line of JSON.
//
// A [Log] takes records and never waits: they go through a bounded queue to one
// goroutine, which owns the file. What does not fit, or cannot be written, is
// counted, and a line says how many were lost as soon as lines can be written again.
// A line is written whole or not at all. Refusals that are the same again and again are
// counted, see [Log.Audit].
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

// Options are what a Log may be told. The zero Options are useful.
type Options struct {
	Failing func(text string) // told once of what keeps it from writing; nil: no one is
	Over    func(text string) // told when it can write again; nil: no one is
	Lost    *atomic.Uint64    // lines that were dropped are added to it; nil: no one counts

	// TrustDirectory trusts everyone who can change the directory of a file, or the way
	// to it.
	TrustDirectory bool
}

func (o Options) withDefaults() Options {
	if o.Failing == nil {
		o.Failing = func(string) {}
	}
	if o.Over == nil {
		o.Over = func(string) {}
	}
	if o.Lost == nil {
		o.Lost = &atomic.Uint64{}
	}
	return o
}

// Log is an [access.Auditor] that writes to a file or to a writer.
type Log struct {
	opts    Options
	queue   chan access.Record
	dropped atomic.Uint64 // since the last line that said so
	again   repeats
	stop    chan struct{}
	ended   sync.WaitGroup
	once    sync.Once
}

// Open returns a Log that appends to the file at path.
func Open(path string, opts Options) (*Log, error) {
	p := place{path, opts.TrustDirectory}
	f, err := p.open()
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return start(&writer{to: f, file: f, place: p, looked: time.Now(), torn: p.endsTorn()}, opts), nil
}

// To returns a Log that writes to w.
func To(w io.Writer, opts Options) *Log {
	return start(&writer{to: w}, opts)
}

func start(w *writer, opts Options) *Log {
	l := &Log{opts: opts.withDefaults(), queue: make(chan access.Record, queueLength), stop: make(chan struct{})}
	l.again.tell = l.enqueue
	w.log = l
	l.ended.Go(w.run)
	return l
}

// Audit takes a record. When the queue is full, or the Log is closed, it is lost. Of
// refusals of one client, at one listener, of one verb and with one code, the first ten
// in a minute are lines; the others are counted, and one line tells how many they were.
func (l *Log) Audit(r access.Record) {
	if r.Decision == access.Refused && l.again.counted(r, time.Now()) {
		return
	}
	l.enqueue(r)
}

func (l *Log) enqueue(r access.Record) {
	select {
	case l.queue <- r:
	default:
		l.lose(1)
	}
}

func (l *Log) lose(lines uint64) {
	l.dropped.Add(lines)
	l.opts.Lost.Add(lines)
}

// Close writes what has been taken so far and closes the file.
func (l *Log) Close() {
	l.once.Do(func() {
		l.again.end()
		close(l.stop)
	})
	l.ended.Wait()
}
