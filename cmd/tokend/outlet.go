package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// outletRoom is how much text waits for a reader that has stopped, at most.
	outletRoom = 1 << 20
	// lineCost is what a line takes up besides its text.
	lineCost = 64
	// fullPause is how long the writer waits where a full pipe returns an error instead
	// of blocking.
	fullPause = 10 * time.Millisecond
)

// outlet writes lines to a place that others read, such as stderr. At first its callers
// write them themselves. Once it is queued, no caller waits for a reader: lines go
// through a bounded queue to one goroutine, in their order. What does not fit, or cannot
// be written, is dropped and counted, and a line says how many were lost as soon as
// lines are taken again.
type outlet struct {
	to       io.Writer
	coloured bool                                     // a person sees it at once; set before it is used
	missing  atomic.Pointer[func(lost uint64) []byte] // writes the line about those that were lost
	dropped  atomic.Uint64                            // since the start

	mu      sync.Mutex // guards what follows; held for moments
	queued  bool
	lines   []line
	room    int           // for more of them
	full    bool          // there was no room; no line is taken until half of it is free
	broken  bool          // the last line could not be written
	lost    uint64        // lines that no line has told of
	more    chan struct{} // there are lines
	emptied chan struct{} // closed when all are written; nil while no one waits for that

	torn bool // the writer's own: the last line was not written whole
}

// line is what waits to be written.
type line struct {
	text []byte
	lost uint64 // how many lost lines it is about; 0: it is a line of a caller
}

func newOutlet(to io.Writer) *outlet {
	return &outlet{to: to, room: outletRoom, more: make(chan struct{}, 1)}
}

// beneath returns what w writes to, which is w itself unless it is an outlet.
func beneath(w io.Writer) io.Writer {
	if o, ok := w.(*outlet); ok {
		return o.to
	}
	return w
}

// droppedBy returns what counts the lines that w has dropped; nil if it is no outlet.
func droppedBy(w io.Writer) func() uint64 {
	if o, ok := w.(*outlet); ok {
		return o.dropped.Load
	}
	return nil
}

// queueLines makes lines wait in w, and not those who write them. If w is no outlet, it
// does nothing.
func queueLines(w io.Writer) {
	if o, ok := w.(*outlet); ok {
		o.queue()
	}
}

// queue makes lines wait in the outlet from now on, and not their callers. The goroutine
// that writes them ends with the process: a reader that has stopped may hold it.
func (o *outlet) queue() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.queued {
		o.queued = true
		go o.run()
	}
}

// Write takes a whole line. It never fails when it is queued.
func (o *outlet) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.queued {
		return o.to.Write(text)
	}
	o.tellLost()
	if o.full || len(text)+lineCost > o.room && len(o.lines) > 0 {
		o.full = true
		o.lose(1)
	} else {
		o.add(line{text: bytes.Clone(text)})
	}
	return len(text), nil
}

// add and those below are called with the lock held.
func (o *outlet) add(l line) {
	o.lines = append(o.lines, l)
	o.room -= len(l.text) + lineCost
	select {
	case o.more <- struct{}{}:
	default:
	}
}

func (o *outlet) lose(lines uint64) {
	o.lost += lines
	o.dropped.Add(lines)
}

// tellLost ends a time in which lines were lost, when there is room for many again: a
// reader that takes a line now and then is not told of every gap.
func (o *outlet) tellLost() {
	if o.lost == 0 || o.room < outletRoom/2 {
		return
	}
	write := plainLost
	if set := o.missing.Load(); set != nil {
		write = *set
	}
	o.add(line{write(o.lost), o.lost})
	o.full, o.lost = false, 0
}

// textLost is what is told of lines that were lost.
const textLost = "lines of the log are lost: their reader was too slow, had stopped or was gone"

func plainLost(lost uint64) []byte { return fmt.Appendf(nil, "tokend: %s: %d\n", textLost, lost) }

// run writes what waits, for as long as the process lives.
func (o *outlet) run() {
	for range o.more {
		for l, ok := o.next(); ok; l, ok = o.next() {
			o.ended(l, o.put(l.text))
		}
	}
}

// next takes the line that is to be written now, if there is one.
func (o *outlet) next() (line, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.broken { // else the next caller's line shows whether lines are taken again
		o.tellLost()
	}
	if len(o.lines) > 0 {
		return o.lines[0], true
	}
	o.lines = nil
	if o.emptied != nil {
		close(o.emptied)
		o.emptied = nil
	}
	return line{}, false
}

// ended takes a line out of the queue that was written, or is lost.
func (o *outlet) ended(l line, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines[0], o.lines = line{}, o.lines[1:]
	o.room += len(l.text) + lineCost
	o.broken = err != nil
	switch {
	case err == nil:
	case l.lost > 0:
		o.lost += l.lost
	default:
		o.lose(1)
	}
}

// put writes a line, behind an end of the last one if that was not written whole.
func (o *outlet) put(text []byte) error {
	if o.torn {
		text = append([]byte{'\n'}, text...)
	}
	n, err := writeAll(o.to, text)
	o.torn = err != nil && (n > 0 || o.torn)
	return err
}

// writeAll writes also where a full pipe refuses, because another program that shares
// it has set it to.
func writeAll(w io.Writer, text []byte) (written int, err error) {
	for {
		n, err := w.Write(text[written:])
		written += n
		if !errors.Is(err, syscall.EAGAIN) {
			return written, err
		}
		time.Sleep(fullPause)
	}
}

// steady writes by writeAll.
type steady struct{ to io.Writer }

// Write writes all of text.
func (s steady) Write(text []byte) (int, error) { return writeAll(s.to, text) }

// flush waits until all lines are written, but not for a reader that has stopped.
func (o *outlet) flush() {
	if emptied := o.awaited(); emptied != nil {
		_ = awaitBriefly(emptied)
	}
}

// awaited returns what is closed when all lines are written; nil: they are.
func (o *outlet) awaited() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.lines) == 0 {
		return nil
	}
	if o.emptied == nil {
		o.emptied = make(chan struct{})
	}
	return o.emptied
}
