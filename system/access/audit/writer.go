package audit

import (
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
	report func(text string)

	batch []byte
	lines uint64 // in batch
	torn  bool   // the last line was not written whole
	told  bool   // that nothing can be written
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
		w.log.dropped.Add(1)
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
	text := append(w.before(dropped), w.batch...)
	n, err := w.to.Write(text)
	if err != nil {
		w.log.dropped.Add(dropped + w.lines)
		w.torn = w.torn || n > 0
		w.tell(err)
	} else {
		w.torn, w.told = false, false
	}
	w.batch, w.lines = w.batch[:0], 0
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
		w.report("the audit cannot be written, lines are lost: " + err.Error())
	}
	w.told = true
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
		w.tell(err)
		return
	}
	_ = w.file.Close() // every line has been written
	w.file, w.to, w.torn = f, f, false
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
