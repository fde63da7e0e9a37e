// Package audit writes decisions about access, each as a line of JSON.
//
// A [Log] takes records and never waits: they go through a bounded queue to one
// goroutine, which owns the file. What does not fit, or cannot be written, is
// counted, and a line says how many were lost as soon as lines can be written again.
// The file is for its owner only, is only appended to, and is opened anew when it
// has been moved away, which is looked at once a second before a line is written.
package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tokend/system/access"
)

const (
	queueLength = 16 << 10
	fileMode    = 0o600
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
	f, err := openFile(path)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return start(&writer{to: f, file: f, path: path, looked: time.Now(), report: report}), nil
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

// openFile refuses what is no regular file, without waiting for the other end of a
// pipe.
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, fileMode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
