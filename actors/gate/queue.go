package gate

import "github.com/asynkron/protoactor-go/actor"

// The lanes of a queue, in the order in which they are served.
const (
	laneWaiting = iota
	laneWaitingSlow
	laneBackground
	laneBackgroundSlow
	lanes
)

// queue decides who gets a place next. It knows no messages and sends none.
type queue struct {
	limit   int
	held    int
	slow    int    // of those held
	again   *entry // holds its place, and asked for it once more
	entries map[string]*entry
	lanes   [lanes][]*entry // oldest first; entries that were replaced stay until they come up
}

type entry struct {
	Acquire
	asker *actor.PID
	lane  int
	held  bool
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, entries: make(map[string]*entry)}
}

// ask puts a flight into its lane. One that has its place already keeps it and is
// granted it again, in case the first grant got lost.
func (q *queue) ask(a Acquire, asker *actor.PID) {
	old := q.entries[a.Service]
	switch {
	case old == nil:
	case old.Flight > a.Flight:
		return
	case old.Flight == a.Flight && old.held:
		old.asker = asker
		q.again = old
		return
	case old.Flight == a.Flight:
		a.Waiting = a.Waiting || old.Waiting
		if laneOf(a) == old.lane {
			return
		}
	default:
		q.drop(old)
	}
	e := &entry{Acquire: a, asker: asker, lane: laneOf(a)}
	q.entries[a.Service] = e
	q.lanes[e.lane] = append(q.lanes[e.lane], e)
}

func laneOf(a Acquire) int {
	switch {
	case a.Waiting && !a.Slow:
		return laneWaiting
	case a.Waiting:
		return laneWaitingSlow
	case !a.Slow:
		return laneBackground
	default:
		return laneBackgroundSlow
	}
}

// release takes the flight out, whether it holds a place or waits for one.
func (q *queue) release(service string, flight uint64) {
	if e := q.entries[service]; e != nil && e.Flight == flight {
		q.drop(e)
	}
}

func (q *queue) drop(e *entry) {
	delete(q.entries, e.Service)
	if !e.held {
		return
	}
	q.held--
	if e.Slow {
		q.slow--
	}
}

// next gives a place to the flight whose turn it is and returns it, nil if there
// is no place or nobody who may have it.
func (q *queue) next() *entry {
	if e := q.again; e != nil {
		q.again = nil
		return e
	}
	if q.held >= q.limit {
		return nil
	}
	for lane := range q.lanes {
		slow := lane == laneWaitingSlow || lane == laneBackgroundSlow
		if slow && q.slow >= max(q.limit/2, 1) {
			continue
		}
		if e := q.pop(lane); e != nil {
			e.held = true
			q.held++
			if e.Slow {
				q.slow++
			}
			return e
		}
	}
	return nil
}

// pop returns the oldest entry of a lane that was not replaced meanwhile.
func (q *queue) pop(lane int) *entry {
	waiting := q.lanes[lane]
	for len(waiting) > 0 {
		e := waiting[0]
		waiting[0] = nil
		waiting = waiting[1:]
		if q.entries[e.Service] == e {
			q.lanes[lane] = waiting
			return e
		}
	}
	q.lanes[lane] = nil
	return nil
}
