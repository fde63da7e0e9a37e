package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"tokend/messages"
	"tokend/system/access"
)

const (
	// maxStreams bounds the streams of events of a node, at all doors together.
	maxStreams = 1024
	// heartbeat is how often a stream says that it is there, whatever happens.
	heartbeat = 15 * time.Second
	// writePatience is how long a reader may let one write wait.
	writePatience = 10 * time.Second
	// eventsAtOnce is how many events are written together at most.
	eventsAtOnce = 64
)

// events answers GET /v1/events with a stream of events as they happen (server-sent
// events of the HTML standard). The stream reads the history at its own pace, so
// a slow reader delays nobody, and is told if it was too slow.
func (h *handler) events(w http.ResponseWriter, r *http.Request, _ string) error {
	// A body that has not come would hold up the header, and for ever.
	if err := readFields(w, r, noFields); err != nil {
		return err
	}
	s := &stream{keeper: h.keeper, w: w, control: http.NewResponseController(w), entries: make([]messages.Entry, 0, eventsAtOnce)}
	if h.opts.Access != nil {
		s.granted = func(service string) bool { return h.may(r, access.Watch, service) }
		s.grantedAny = func() bool { return h.callerOf(r).MayAny(access.Watch) }
	}
	if err := s.choose(r); err != nil {
		return err
	}
	if h.stopping() {
		return problem(CodeStopped, "tokend is stopping")
	}
	if !h.enterStream(r) {
		return problem(CodeOverloaded, "too many streams of events are open already")
	}
	defer h.leaveStream(r)
	if err := s.begin(); err != nil {
		return problem(CodeInternal, "this server cannot stream")
	}
	h.recordStream(r, s.wanted)
	s.run(r.Context(), h.opts.Stopping)
	return nil
}

// enterStream takes a place for a stream, if there is one: in all, and at the door,
// where a stream holds its connection and must leave enough of them to others.
func (h *handler) enterStream(r *http.Request) bool {
	if !enter(&h.opts.Traffic.streams, maxStreams) {
		return false
	}
	c := connOf(r)
	if c == nil || enter(&c.door.open.streams, c.door.open.streamsAtMost()) {
		return true
	}
	h.opts.Traffic.streams.Add(-1)
	return false
}

func (h *handler) leaveStream(r *http.Request) {
	h.opts.Traffic.streams.Add(-1)
	if c := connOf(r); c != nil {
		c.door.open.streams.Add(-1)
	}
}

// enter takes one of so many places, if one is free.
func enter(taken *atomic.Int64, places int64) bool {
	if taken.Add(1) <= places {
		return true
	}
	taken.Add(-1)
	return false
}

// stream is one reader's stream of events.
type stream struct {
	keeper  Keeper
	w       http.ResponseWriter
	control *http.ResponseController
	wanted  []string                  // services; none: all
	granted func(service string) bool // that the reader may hear of; nil: all
	last    uint64                    // id of the last event that was dealt with
	entries []messages.Entry
	out     []byte

	grantedAny func() bool // whether it may hear of any; set if granted is
}

// choose reads what the reader wants: which services, and from where on.
func (s *stream) choose(r *http.Request) (err error) {
	if s.wanted, err = parseNames(r.URL.RawQuery, "service"); err != nil {
		return err
	}
	slices.Sort(s.wanted)
	s.wanted = slices.Compact(s.wanted)
	for _, name := range s.wanted {
		if !validName(name) {
			return unknownName()
		}
		if s.granted != nil && !s.granted(name) {
			return denied(name)
		}
		if _, err := s.keeper.Timeout(name); err != nil {
			return err
		}
	}
	s.last, err = lastEventID(r.Header)
	if s.last == 0 {
		s.last = s.keeper.LastEvent()
	}
	return err
}

// lastEventID returns the id after which a reader goes on; 0: it begins now.
func lastEventID(header http.Header) (uint64, error) {
	values := header["Last-Event-Id"] // the canonical form of Last-Event-ID
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return 0, nil
	}
	id, err := strconv.ParseUint(values[0], 10, 64)
	if err != nil || id == 0 || len(values) > 1 {
		return 0, problem(CodeInvalidRequest, "Last-Event-ID must be the id of an event")
	}
	return id, nil
}

// wants reports whether the reader is to hear of a service.
func (s *stream) wants(service string) bool {
	return (len(s.wanted) == 0 || slices.Contains(s.wanted, service)) && (s.granted == nil || s.granted(service))
}

var (
	eventStream = []string{"text/event-stream"}
	unbuffered  = []string{"no"} // X-Accel-Buffering: nginx passes events on as they come
)

// begin sends the header. The server's own bounds on a request would end a stream:
// each write has its own instead, and nothing more is read.
func (s *stream) begin() error {
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if err := s.control.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return err
	}
	header := s.w.Header()
	header["Content-Type"], header["Cache-Control"], header["X-Accel-Buffering"] = eventStream, noStore, unbuffered
	s.w.WriteHeader(http.StatusOK)
	s.comment("events of tokend")
	return nil
}

// welcome reports whether the reader may still hear of anything that it wants.
func (s *stream) welcome() bool {
	switch {
	case s.granted == nil:
		return true
	case len(s.wanted) > 0:
		return slices.ContainsFunc(s.wanted, s.granted)
	default:
		return s.grantedAny()
	}
}

// run writes until the reader leaves, is stuck or has no grant any more, or the node
// stops.
func (s *stream) run(ctx context.Context, stopping <-chan struct{}) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	if s.send() != nil {
		return
	}
	for s.welcome() {
		more, err := s.catchUp()
		if err != nil || more == nil {
			return
		}
		select {
		case <-more:
		case <-beat.C:
			s.comment("still there")
			err = s.send()
		case <-ctx.Done():
			return
		case <-stopping:
			return
		}
		if err != nil {
			return
		}
	}
}

// catchUp writes the next events.
func (s *stream) catchUp() (more <-chan struct{}, err error) {
	s.entries, more = s.keeper.EventsAfter(s.last, s.entries[:0])
	for _, e := range s.entries {
		s.last = e.ID
		switch {
		case e.Event == nil:
			err = s.event(e.ID, Gap())
		case s.wants(e.Event.About().Service):
			err = s.event(e.ID, EventOf(e.Event))
		}
		if err != nil {
			return nil, err
		}
	}
	clear(s.entries)
	return more, s.send()
}

func (s *stream) comment(text string) {
	s.out = append(append(append(s.out, ": "...), text...), "\n\n"...)
}

func (s *stream) event(id uint64, e Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	s.out = strconv.AppendUint(append(s.out, "id: "...), id, 10)
	s.out = append(append(s.out, "\nevent: "...), e.Event...)
	s.out = append(append(append(s.out, "\ndata: "...), data...), "\n\n"...)
	return nil
}

// send writes what is to be written, if anything is.
func (s *stream) send() error {
	if len(s.out) == 0 {
		return nil
	}
	if err := s.control.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return err
	}
	_, err := s.w.Write(s.out)
	s.out = s.out[:0]
	if err != nil {
		return err
	}
	return s.control.Flush()
}
