package publisher

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/messages"
)

// read returns the ids after id, at most so many, and whether others were missed.
func read(h *History, id uint64, most int) (ids []uint64, missed bool, more <-chan struct{}) {
	entries, more := h.EventsAfter(id, make([]messages.Entry, 0, most))
	for i, e := range entries {
		if i == 0 && e.Event == nil {
			missed = true
			continue
		}
		ids = append(ids, e.ID)
	}
	return ids, missed, more
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestIDsRiseOneByOneAndOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var before History
		begin := before.LastEvent()
		for range 3 {
			before.add(event("billing"))
		}
		ids, missed, _ := read(&before, begin, 10)
		if missed || len(ids) != 3 || ids[0] != begin+1 || ids[2] != begin+3 || before.LastEvent() != ids[2] {
			t.Errorf("ids %d after %d, missed: %v", ids, begin, missed)
		}
		time.Sleep(time.Second)
		var after History
		if after.LastEvent() <= ids[2] || after.LastEvent() >= 1<<53 {
			t.Errorf("after a restart they begin at %d, before it they ended at %d", after.LastEvent(), ids[2])
		}
	})
}

func TestAReaderGoesOnWhereItLeftOff(t *testing.T) {
	var h History
	begin := h.LastEvent()
	for range 5 {
		h.add(event("billing"))
	}
	ids, missed, more := read(&h, begin, 3)
	if len(ids) != 3 || missed || !isClosed(more) {
		t.Fatalf("read %d, missed: %v, more at once: %v", ids, missed, isClosed(more))
	}
	ids, missed, more = read(&h, ids[2], 3)
	if len(ids) != 2 || missed || isClosed(more) {
		t.Fatalf("then %d, missed: %v, more at once: %v", ids, missed, isClosed(more))
	}
	h.add(event("billing"))
	if !isClosed(more) {
		t.Error("nobody is told of the next one")
	}
}

func TestWhoComesTooLateIsTold(t *testing.T) {
	var h History
	begin := h.LastEvent()
	for range HistoryLength {
		h.add(event("billing"))
	}
	if ids, missed, _ := read(&h, begin, HistoryLength+1); missed || len(ids) != HistoryLength || ids[0] != begin+1 {
		t.Errorf("a full ring: %d events, missed: %v", len(ids), missed)
	}
	h.add(event("billing"))
	ids, missed, _ := read(&h, begin, HistoryLength+1)
	if !missed || len(ids) != HistoryLength || ids[0] != begin+2 || ids[len(ids)-1] != h.LastEvent() {
		t.Errorf("one too many: %d events from %d, missed: %v", len(ids), ids[0], missed)
	}
	if ids, missed, _ := read(&h, begin+1, HistoryLength+1); missed || ids[0] != begin+2 {
		t.Errorf("who has the last that is gone: from %d, missed: %v", ids[0], missed)
	}
}

func TestAnIDThatWasNeverGivenOutMeansThatAllIsNew(t *testing.T) {
	var h History
	h.add(event("billing"))
	for _, id := range []uint64{0, 7, h.LastEvent() + 1, 1<<64 - 1} {
		if ids, missed, _ := read(&h, id, 10); !missed || len(ids) != 1 {
			t.Errorf("after %d: %d, missed: %v", id, ids, missed)
		}
	}
}

func TestTheHistoryEndsWithItsPublisher(t *testing.T) {
	for name, started := range map[string]bool{"started": true, "never started": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New(actor.NewActorSystem().Root, Listener{Event: func(messages.Event) {}})
				if started {
					p, _, _ = start(t)
				}
				_, more := p.EventsAfter(p.LastEvent(), make([]messages.Entry, 0, 1))
				if started {
					p.Publish(event("billing"))
				}
				p.Stop()
				<-p.Done()
				<-more
				if _, more = p.EventsAfter(p.LastEvent(), make([]messages.Entry, 0, 1)); more != nil {
					t.Error("who has read everything is still to wait")
				}
			})
		})
	}
}

func TestEventsThatWereDroppedLeaveAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, _ := start(t)
		var told uint64
		p.Listener.Dropped = func(total uint64) { told = total }
		begin := p.LastEvent()
		p.dropped.Add(2)
		p.Publish(event("billing"))
		synctest.Wait()
		entries, _ := p.EventsAfter(begin, make([]messages.Entry, 0, 10))
		if len(entries) != 2 || entries[0].Event != nil || entries[1].Event == nil || told != 2 {
			t.Errorf("entries %v, told of %d", entries, told)
		}
		p.Stop()
		<-p.Done()
	})
}
