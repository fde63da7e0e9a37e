package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tokend/system/httpapi"
)

// streams is a node that answers each request as the next of its answers says.
type streams struct {
	t       *testing.T
	answers []func(w http.ResponseWriter, r *http.Request)
	asked   []string // Last-Event-ID of each request
}

func (s *streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/services" { // by whoever was told that there is no such service
		http.NotFound(w, r)
		return
	}
	s.asked = append(s.asked, r.Header.Get("Last-Event-ID"))
	if len(s.asked) > len(s.answers) {
		s.t.Errorf("request %d is one too many", len(s.asked))
		return
	}
	s.answers[len(s.asked)-1](w, r)
}

// tells answers with a stream that ends.
func tells(text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_, _ = io.WriteString(w, text)
	}
}

// breaks answers with a stream that is cut off.
func breaks(text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		tells(text)(w, r)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func refuses(status int, code string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"status":%d,"code":%q,"detail":"because"}`, status, code)
	}
}

// followed follows a node and returns what it heard, told as lost, and the end.
func followed(t *testing.T, show func([]byte) error, answers ...func(http.ResponseWriter, *http.Request)) (s *streams, heard []string, pauses int, err error) {
	t.Helper()
	s = &streams{t: t, answers: answers}
	server := httptest.NewServer(s)
	defer server.Close()
	n, err := (program{getenv: os.Getenv}).findNode(place{addr: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	f := &feed{
		node: n, target: "/v1/events",
		show: func(data []byte) error {
			heard = append(heard, string(data))
			if show != nil {
				return show(data)
			}
			return nil
		},
		lost:  func(error, time.Duration) { pauses++ },
		pause: func(int) time.Duration { return 0 },
	}
	return s, heard, pauses, f.follow(t.Context())
}

func TestAFeedGoesOnWhereItWasLost(t *testing.T) {
	s, heard, pauses, err := followed(t, nil,
		breaks(": hello\n\nid: 7\nevent: x\ndata: one\n\nid: 8\ndata: half"),
		refuses(503, "stopped"),
		refuses(429, "overloaded"),
		tells("id:8\r\ndata:two\r\n\r\n: still there\n\ndata: three\n\nevent: nothing\n\n"),
		refuses(404, "unknown_service"),
	)
	if p, ok := errors.AsType[*httpapi.Problem](err); !ok || p.Code != "unknown_service" {
		t.Errorf("it ended with %v", err)
	}
	if !slices.Equal(heard, []string{"one", "two", "three"}) || pauses != 4 {
		t.Errorf("heard %q, lost %d times", heard, pauses)
	}
	if !slices.Equal(s.asked, []string{"", "7", "7", "7", "8"}) {
		t.Errorf("asked for what follows %q", s.asked)
	}
}

func TestAFeedThatIsRefusedEnds(t *testing.T) {
	tests := map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		want   string
	}{
		"by a node that stops":     {refuses(503, "stopped"), "stopped: because"},
		"by a node that denies it": {refuses(403, "denied"), "denied: because"},
		"by another program":       {refuses(500, ""), "is no tokend"},
		"by a page":                {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "is no tokend"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, heard, pauses, err := followed(t, nil, tt.answer)
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(heard) > 0 || pauses > 0 {
				t.Errorf("error %v, heard %q, lost %d times", err, heard, pauses)
			}
		})
	}
}

func TestAFeedThatNobodyTakesEnds(t *testing.T) {
	full := errors.New("disk full")
	_, _, pauses, err := followed(t, func([]byte) error { return full }, tells("data: one\n\n"))
	if !errors.Is(err, full) || pauses > 0 {
		t.Errorf("error %v, lost %d times", err, pauses)
	}
}

func TestALineThatNeverEndsIsALostConnection(t *testing.T) {
	_, heard, pauses, _ := followed(t, nil, tells("data: "+strings.Repeat("x", maxLine)), refuses(403, "denied"))
	if len(heard) > 0 || pauses != 1 {
		t.Errorf("heard %d, lost %d times", len(heard), pauses)
	}
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// mute is a body that comes to no end before its request does.
type mute struct{ ctx context.Context }

func (m mute) Read([]byte) (int, error) {
	<-m.ctx.Done()
	return 0, m.ctx.Err()
}

func (mute) Close() error { return nil }

// muteNode answers with streams on which nothing comes.
func muteNode() *node {
	return &node{addr: "http://127.0.0.1:1", base: "http://127.0.0.1:1", client: &http.Client{
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}},
				Body: mute{r.Context()}, Request: r,
			}, nil
		}),
	}}
}

func TestSilenceIsALostConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		lost := make(chan error, 1)
		f := &feed{
			node: muteNode(), target: "/v1/events",
			lost:  func(err error, _ time.Duration) { lost <- err },
			pause: func(int) time.Duration { return time.Hour },
		}
		ended := make(chan error, 1)
		go func() { ended <- f.follow(ctx) }()
		time.Sleep(silence - time.Nanosecond)
		synctest.Wait()
		if len(lost) > 0 {
			t.Fatal("it is given up too early")
		}
		time.Sleep(time.Nanosecond)
		if err := <-lost; !errors.Is(err, errSilent) {
			t.Errorf("it is lost for %v", err)
		}
		cancel() // in the pause
		if err := <-ended; err != nil {
			t.Errorf("a signal ends it with %v", err)
		}
	})
}

func TestASignalEndsAFeedWithoutFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- (&feed{node: muteNode(), target: "/v1/events"}).follow(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ends with %v", err)
		}
	})
}

func TestPausesGrowAndAreBounded(t *testing.T) {
	for attempt, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 6: 30 * time.Second, 1000: 30 * time.Second} {
		for range 100 {
			if p := pauseBefore(attempt); p < most/2 || p >= most {
				t.Fatalf("before attempt %d: %s, want %s to %s", attempt, p, most/2, most)
			}
		}
	}
}

func TestALostConnectionIsTold(t *testing.T) {
	var errs bytes.Buffer
	w := &watchCommand{program: program{stderr: &errs}}
	w.lost(unavailable(errSilent), time.Second)
	if want := "tokend: unavailable: nothing was heard of the node for a while; trying again in 1s\n"; errs.String() != want {
		t.Errorf("told %q", &errs)
	}
}
