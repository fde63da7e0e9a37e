package publisher

import (
	"sync"
	"time"

	"tokend/messages"
)

// HistoryLength is how many events are kept for those who come back for them.
const HistoryLength = 4096

// History keeps the last events, numbered. Readers come when they like and never
// delay anybody: who comes too late misses what has been overwritten, and is told.
// The zero History is ready; its methods may be called concurrently.
type History struct {
	mu     sync.Mutex // held for moments only
	ring   []messages.Entry
	oldest int           // where in a full ring the oldest entry is
	last   uint64        // id of the newest entry
	more   chan struct{} // closed with the next entry; nil while nobody waits
	closed bool
}

// begin chooses the first id. Time makes ids rise over restarts too, as long as
// there is less than an event a microsecond, and they fit a JSON number. The
// caller holds mu.
func (h *History) begin() {
	if h.last == 0 {
		h.last = uint64(time.Now().UnixMicro())
	}
}

// add keeps an event; nil stands for events that were lost before they came here.
func (h *History) add(e messages.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.begin()
	h.last++
	entry := messages.Entry{ID: h.last, Event: e}
	if len(h.ring) < HistoryLength {
		h.ring = append(h.ring, entry)
	} else {
		h.ring[h.oldest] = entry
		h.oldest = (h.oldest + 1) % HistoryLength
	}
	h.wake()
}

// wake tells whoever waits. The caller holds mu.
func (h *History) wake() {
	if h.more != nil {
		close(h.more)
		h.more = nil
	}
}

// end tells whoever waits that nothing comes any more.
func (h *History) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.wake()
}

// LastEvent returns the id of the newest event, or that before the first one.
func (h *History) LastEvent() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.begin()
	return h.last
}

// EventsAfter appends to entries those that follow the one with the given id, the
// oldest first, as many as there is room for; there must be room for one. If others
// that followed it are gone, an entry without event stands for them. So they are,
// as far as anybody knows, if the id is one that was never given out here. The
// channel is closed when there is more to get, and nil when there never will be.
func (h *History) EventsAfter(id uint64, entries []messages.Entry) (_ []messages.Entry, more <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.begin()
	before := h.last - uint64(len(h.ring)) // id before the oldest entry
	if id < before || id > h.last {
		id = before
		entries = append(entries, messages.Entry{ID: id})
	}
	for ; id < h.last && len(entries) < cap(entries); id++ {
		entries = append(entries, h.ring[(h.oldest+int(id-before))%len(h.ring)])
	}
	switch {
	case id < h.last:
		return entries, ready
	case h.closed:
		return entries, nil
	case h.more == nil:
		h.more = make(chan struct{})
	}
	return entries, h.more
}

// ready is a channel that is closed.
var ready = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
