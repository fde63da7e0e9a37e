package audit

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"time"

	"tokend/system/access"
)

// writer is the goroutine that writes.
type writer struct {
	log    *Log
	to     io.Writer
	file   *os.File // to, if that is a file that may be moved away
	place  place
	looked time.Time // at the place

	batch []byte
	lines uint64 // in batch
	torn  bool   // the last line was not written whole
	told  bool   // that nothing can be written
	moved bool   // that there is no file at the path any more, and none can be made
}

// lost is the line about what could not be written.
type lost struct {
	Time     time.Time `json:"time"`
	Decision string    `json:"decision"`
	Dropped  uint64    `json:"dropped"`
}

func (w *writer) run() {
	for {
		select {
		case r := <-w.log.queue:
			w.add(r)
		case <-w.log.stop:
			w.drain()
			w.flush()
			w.close()
			return
		}
		w.drain()
		w.flush()
	}
}

// drain takes what else has come, so that a burst is written at once.
func (w *writer) drain() {
	for {
		select {
		case r := <-w.log.queue:
			w.add(r)
		default:
			return
		}
	}
}

func (w *writer) add(r access.Record) {
	line, err := json.Marshal(r)
	if err != nil { // only a time outside years 0 to 9999
		w.log.lose(1)
		return
	}
	w.batch = append(append(w.batch, line...), '\n')
	w.lines++
	if len(w.batch) >= batchSize {
		w.flush()
	}
}

// flush writes the batch, behind a line about what was lost before it.
func (w *writer) flush() {
	w.reopen()
	dropped := w.log.dropped.Swap(0)
	before := w.before(dropped)
	text := append(before, w.batch...)
	if len(text) == 0 {
		return
	}
	n, err := w.to.Write(text)
	if err == nil {
		w.torn = false
		w.tellOver()
	} else {
		whole := w.untear(text[:n])
		if whole < len(before) {
			w.log.dropped.Add(dropped) // which no line has told of
		}
		w.log.lose(w.lines - linesIn(text[:whole], len(before)))
		w.tell(err)
	}
	w.batch, w.lines = w.batch[:0], 0
}

// linesIn counts the lines in text behind the first begin bytes.
func linesIn(text []byte, begin int) uint64 {
	return uint64(bytes.Count(text[min(begin, len(text)):], []byte{'\n'}))
}

// untear takes back the part of a line that was written last, where that can be done, and
// returns how much of what was written is whole lines.
func (w *writer) untear(written []byte) (whole int) {
	whole = bytes.LastIndexByte(written, '\n') + 1
	switch {
	case len(written) == 0:
	case whole == len(written), w.takeBack(len(written) - whole):
		w.torn = false
	default:
		w.torn = true
	}
	return whole
}

// takeBack takes back what was written last, and reports whether it could. The file is
// this writer's alone; what a pipe has is gone.
func (w *writer) takeBack(bytes int) bool {
	if w.file == nil {
		return false
	}
	info, err := w.file.Stat()
	return err == nil && info.Size() >= int64(bytes) && w.file.Truncate(info.Size()-int64(bytes)) == nil
}

// before returns what goes in front of the next batch.
func (w *writer) before(dropped uint64) []byte {
	var text []byte
	if w.torn {
		text = append(text, '\n')
	}
	if dropped > 0 {
		line, _ := json.Marshal(lost{time.Now().UTC().Round(0), "dropped", dropped}) // always JSON
		text = append(append(text, line...), '\n')
	}
	return text
}

// tell reports once that nothing can be written, until something can.
func (w *writer) tell(err error) {
	if !w.told {
		w.log.opts.Failing("the audit cannot be written, lines are lost: " + err.Error())
	}
	w.told = true
}

// tellOver reports that lines are written again.
func (w *writer) tellOver() {
	if w.told {
		w.log.opts.Over("the audit can be written again; it says how many lines were lost")
	}
	w.told = false
}

// reopen opens the file anew if it is no longer the one at the path. If that cannot
// be done, lines still go where they went before.
func (w *writer) reopen() {
	now := time.Now()
	if w.file == nil || now.Sub(w.looked) < lookAgain {
		return
	}
	w.looked = now
	if w.same() {
		return
	}
	f, err := w.place.open()
	if err != nil {
		w.tellMoved(err)
		return
	}
	_ = w.file.Close() // every line has been written
	w.file, w.to, w.torn, w.moved = f, f, w.place.endsTorn(), false
}

func (w *writer) tellMoved(err error) {
	if !w.moved {
		w.log.opts.Failing("the audit was moved away and cannot be opened again: lines still go to the file that was moved: " + err.Error())
	}
	w.moved = true
}

func (w *writer) same() bool {
	there, err := os.Lstat(w.place.path)
	if err != nil {
		return false
	}
	mine, err := w.file.Stat()
	return err == nil && os.SameFile(there, mine)
}

func (w *writer) close() {
	if w.file != nil {
		_ = w.file.Close() // every line has been written
	}
}
