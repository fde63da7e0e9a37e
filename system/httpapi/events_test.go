package httpapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tokend/messages"
)

// reader is the other end of a stream, in a bubble.
type reader struct {
	header http.Header
	ended  chan struct{} // closed when the stream has ended

	mu       sync.Mutex
	status   int
	text     bytes.Buffer
	flushed  int
	stuck    bool          // it reads no more
	pause    time.Duration // that a write takes
	deadline time.Time     // of the next write
	reads    []time.Time
	fails    error // of the deadlines
}

func (r *reader) Header() http.Header { return r.header }

func (r *reader) WriteHeader(status int) { r.status = status }

func (r *reader) Write(b []byte) (int, error) {
	r.mu.Lock()
	stuck, pause, deadline := r.stuck, r.pause, r.deadline
	r.mu.Unlock()
	if stuck {
		time.Sleep(time.Until(deadline))
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(pause)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *reader) Flush() { r.flushed++ }

func (r *reader) SetReadDeadline(at time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads = append(r.reads, at)
	return r.fails
}

func (r *reader) SetWriteDeadline(at time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deadline = at
	return r.fails
}

// be changes how the reader behaves.
func (r *reader) be(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// bounds returns the deadline of the last write and those of reading.
func (r *reader) bounds() (write time.Time, reads []time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.deadline, r.reads
}

// got returns what has come since the last call.
func (r *reader) got() string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.text.Reset()
	return r.text.String()
}

// open opens a stream that ends with ctx.
func open(ctx context.Context, h http.Handler, target, lastID string) *reader {
	r := &reader{header: http.Header{}, ended: make(chan struct{})}
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	go func() {
		h.ServeHTTP(r, req)
		close(r.ended)
	}()
	return r
}

func happened(service string) messages.Event {
	return &messages.TokenRefreshed{Occurrence: messages.Occurrence{
		Service: service, At: noon, State: "fresh", Generation: 2, Fingerprint: "0123456789ab", ExpiresAt: noon.Add(time.Hour),
	}}
}

const hello = ": events of tokend\n\n"

func block(id, service string) string {
	return "id: " + id + "\nevent: token_refreshed\ndata: " +
		`{"event":"token_refreshed","at":"2026-03-01T12:00:00Z","service":"` + service +
		`","state":"fresh","generation":2,"fingerprint":"0123456789ab","expires_at":"2026-03-01T13:00:00Z"}` + "\n\n"
}

const gap = "event: gap\ndata: {\"event\":\"gap\"}\n\n"

func (r *reader) want(t *testing.T, want string) {
	t.Helper()
	if got := r.got(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAStreamTellsWhatHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		k := newFake()
		k.publish(happened("billing")) // before the reader came
		door := newDoor(k)
		all, one := open(ctx, door, "/v1/events", ""), open(ctx, door, "/v1/events?service=forever&service=forever", "")
		all.want(t, hello)
		one.want(t, hello)
		k.publish(happened("billing"), happened("forever"))
		all.want(t, block("2", "billing")+block("3", "forever"))
		one.want(t, block("3", "forever"))
		if all.status != http.StatusOK || all.header.Get("Content-Type") != "text/event-stream" || all.header.Get("Cache-Control") != "no-store" {
			t.Errorf("status %d, headers %v", all.status, all.header)
		}
		leave()
		<-all.ended
		<-one.ended
	})
}

func TestAStreamGoesOnWhereItsReaderLeftOff(t *testing.T) {
	tests := map[string]struct{ lastID, want string }{
		"after the one before the last": {"4", block("5", "billing")},
		"after all that is kept":        {"2", block("3", "billing") + block("4", "billing") + block("5", "billing")},
		"with all heard":                {"5", ""},
		"too late":                      {"1", "id: 2\n" + gap + block("3", "billing") + block("4", "billing") + block("5", "billing")},
		"from another life":             {"99", "id: 2\n" + gap + block("3", "billing") + block("4", "billing") + block("5", "billing")},
		"without an id":                 {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, leave := context.WithCancel(t.Context())
				k := newFake()
				for range 5 {
					k.publish(happened("billing"))
				}
				r := open(ctx, newDoor(k), "/v1/events", tt.lastID)
				r.want(t, hello+tt.want)
				leave()
				<-r.ended
			})
		})
	}
}

func TestAStreamSaysThatItIsThereEvery15Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		r := open(ctx, newDoor(newFake()), "/v1/events", "")
		r.want(t, hello)
		for range 3 {
			time.Sleep(15*time.Second - time.Nanosecond)
			r.want(t, "")
			time.Sleep(time.Nanosecond)
			r.want(t, ": still there\n\n")
			deadline, reads := r.bounds()
			if want := time.Now().Add(writePatience); !deadline.Equal(want) {
				t.Errorf("a write may last until %s, want %s", deadline, want)
			}
			if len(reads) != 1 || !reads[0].IsZero() {
				t.Errorf("deadlines of reading %v, want none", reads)
			}
		}
		leave()
		<-r.ended
	})
}

func TestAReaderThatIsStuckIsLeftAfter10Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFake()
		r := open(t.Context(), newDoor(k), "/v1/events", "")
		r.want(t, hello)
		r.be(func() { r.stuck = true })
		k.publish(happened("billing"))
		time.Sleep(writePatience - time.Nanosecond)
		synctest.Wait()
		select {
		case <-r.ended:
			t.Fatal("it ended too early")
		default:
		}
		time.Sleep(time.Nanosecond)
		<-r.ended
	})
}

func TestAReaderThatIsSlowIsToldWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		k := newFake()
		r := open(ctx, newDoor(k), "/v1/events?service=billing", "")
		r.want(t, hello)
		r.be(func() { r.pause = time.Second })
		k.publish(happened("billing"))
		synctest.Wait()
		for range 5 {
			k.publish(happened("billing"))
		}
		time.Sleep(3 * time.Second)
		r.want(t, block("1", "billing")+"id: 3\n"+gap+block("4", "billing")+block("5", "billing")+block("6", "billing"))
		leave()
		<-r.ended
	})
}

func TestStreamsEndWithTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, stopping := newFake(), make(chan struct{})
		door := New(k, Options{Stopping: stopping})
		drained := open(t.Context(), door, "/v1/events", "")
		drained.want(t, hello)
		close(stopping)
		<-drained.ended
		wantProblem(t, call(t, door, "GET", "/v1/events", ""), CodeStopped)

		ended := open(t.Context(), newDoor(k), "/v1/events", "")
		ended.want(t, hello)
		k.publish(happened("billing"))
		k.end()
		<-ended.ended
		ended.want(t, block("1", "billing"))
	})
}

func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		traffic := NewTraffic()
		door := New(newFake(), Options{Traffic: traffic})
		readers := make([]*reader, maxStreams)
		for i := range readers {
			readers[i] = open(ctx, door, "/v1/events", "")
		}
		synctest.Wait()
		if traffic.Streams() != maxStreams {
			t.Errorf("%d streams are open", traffic.Streams())
		}
		wantProblem(t, call(t, door, "GET", "/v1/events", ""), CodeOverloaded)
		leave()
		for _, r := range readers {
			<-r.ended
		}
		if traffic.Streams() != 0 {
			t.Errorf("%d streams are open after their end", traffic.Streams())
		}
	})
}

func TestStreamsThatAreRefused(t *testing.T) {
	tests := map[string]struct{ target, lastID, code string }{
		"an unknown service":  {"/v1/events?service=nope", "", CodeUnknownService},
		"a name that is none": {"/v1/events?service=billing&service=", "", CodeUnknownService},
		"a parameter":         {"/v1/events?since=1", "", CodeInvalidRequest},
		"a query":             {"/v1/events?%zz", "", CodeInvalidRequest},
		"a word for an id":    {"/v1/events", "last", CodeInvalidRequest},
		"an id below all":     {"/v1/events", "-1", CodeInvalidRequest},
		"no id that there is": {"/v1/events", "0", CodeInvalidRequest},
		"an id that overflow": {"/v1/events", "18446744073709551616", CodeInvalidRequest},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.target, nil)
			if tt.lastID != "" {
				req.Header.Set("Last-Event-ID", tt.lastID)
			}
			newDoor(newFake()).ServeHTTP(rec, req)
			wantProblem(t, rec, tt.code)
		})
	}
	for _, method := range []string{"HEAD", "POST"} {
		if rec := call(t, newDoor(newFake()), method, "/v1/events", ""); rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != "GET" {
			t.Errorf("%s: %d, Allow %q", method, rec.Code, rec.Header().Get("Allow"))
		}
	}
}

func TestAServerThatCannotStreamSaysSo(t *testing.T) {
	wantProblem(t, call(t, newDoor(newFake()), "GET", "/v1/events", ""), CodeInternal)
	synctest.Test(t, func(t *testing.T) {
		r := &reader{header: http.Header{}, fails: errors.New("no deadlines")}
		newDoor(newFake()).ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/events", nil))
		if r.status != http.StatusInternalServerError {
			t.Errorf("status %d", r.status)
		}
	})
}

func TestAStreamThatPanicsIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, reported := newFake(), ""
		door := New(k, Options{Report: func(text string) { reported += text }})
		k.publish((*messages.TokenExpired)(nil)) // panics where it is read
		r := &reader{header: http.Header{}}
		defer func() {
			if v := recover(); v != any(http.ErrAbortHandler) {
				t.Errorf("panicked with %v", v)
			}
			if !strings.Contains(reported, "a handler panicked") || strings.Contains(r.text.String(), "internal") {
				t.Errorf("reported %q, wrote %q", reported, r.text.String())
			}
		}()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/events", nil)
		req.Header.Set("Last-Event-ID", "7")
		door.ServeHTTP(r, req)
	})
}

// A server's own bounds are those of a request that is answered once.
func TestARealServerStreams(t *testing.T) {
	for name, l := range doors(t) {
		t.Run(name, func(t *testing.T) {
			resp, _ := exchange(t, l, "GET /v1/events?service=nope HTTP/1.1\r\nHost: localhost\r\n\r\n")
			if resp.StatusCode != http.StatusNotFound {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	k := newFake()
	l := listenTCPTest(t)
	serve(t, l, newDoor(k))
	k.publish(happened("billing"))
	k.end() // so that the stream ends
	resp, body := exchange(t, l, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 9\r\n\r\n")
	if want := hello + "id: 0\n" + gap + block("1", "billing"); resp.StatusCode != http.StatusOK || body != want {
		t.Errorf("status %d, body\n%s\nwant\n%s", resp.StatusCode, body, want)
	}
}
