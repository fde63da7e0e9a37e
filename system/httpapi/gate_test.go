package httpapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// scant is a listener that has no file for a connection as often as it is told to.
type scant struct {
	net.Listener
	fails int
	err   error
	next  net.Conn
}

func (s *scant) Accept() (net.Conn, error) {
	if s.fails > 0 {
		s.fails--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", s.err)}
	}
	return s.next, nil
}

func TestWithoutAFileAnIdleConnectionMakesRoom(t *testing.T) {
	tests := map[string]struct {
		fails int
		err   error
		busy  bool
		gone  string
		want  error // 0: one is let in
	}{
		"the process has no file":        {1, syscall.EMFILE, false, "a", nil},
		"the system has none":            {1, syscall.ENFILE, false, "a", nil},
		"several times":                  {2, syscall.EMFILE, false, "a b", nil},
		"all are answered":               {1, syscall.EMFILE, true, "", syscall.EMFILE},
		"more often than some are idle":  {3, syscall.EMFILE, false, "a b", syscall.EMFILE},
		"something else is in the way":   {1, syscall.ECONNABORTED, false, "", syscall.ECONNABORTED},
		"something else, and all answer": {1, syscall.EINVAL, true, "", syscall.EINVAL},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard()
				s.dial("a", "b")
				if s.answers("a", "b"); tt.busy {
					s.begins("a")
					s.begins("b")
				}
				waits(idleGrace)
				near, far := net.Pipe()
				defer func() { _, _ = near.Close(), far.Close() }()
				g := &gate{&scant{fails: tt.fails, err: tt.err, next: near}, s.door}
				if c, err := g.Accept(); !errors.Is(err, tt.want) || (c == nil) != (tt.want != nil) {
					t.Errorf("%v, %v", c, err)
				}
				if got := strings.Join(s.closed, " "); got != tt.gone {
					t.Errorf("closed %q, want %q", got, tt.gone)
				}
				if tt.busy && tt.err == syscall.EMFILE && !s.wanted.Load() {
					t.Error("none is to go with its answer")
				}
				s.connections.end()
			})
		})
	}
}

// TestWhoComesInExcessIsTold asks on a connection that was let in to be told so.
func TestWhoComesInExcessIsTold(t *testing.T) {
	shared := policyOf(t, 0, watcher("port", "admin", "*"))
	traffic := NewTraffic()
	h := New(newFake(), Options{Access: shared, Traffic: traffic})
	c := &conn{door: &Door{name: "port", unix: true, open: newConnections(1)}}
	c.excess = true
	for i, target := range []string{"/v1/token/billing", "/healthz", "/v1/events", "/none", "/v1/authorize/billing"} {
		rec := callOn(t, h, c, target)
		if rec.status != http.StatusServiceUnavailable || rec.header.Get("Retry-After") == "" || rec.header.Get("Connection") != "close" {
			t.Errorf("%s: status %d, %v", target, rec.status, rec.header)
		}
		if got := traffic.Refusals()["connections"]; got != uint64(i+1) {
			t.Errorf("%d are counted", got)
		}
	}
}

// TestAServerThatStopsLetsInWhoWaits has one wait where there is no room.
func TestAServerThatStopsLetsInWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard()
		s.dial("a", "b", "c")
		for _, name := range []string{"a", "b", "c"} {
			s.begins(name)
		}
		s.dial("d")
		if err := s.shut(t.Context()); err != nil {
			t.Error(err)
		}
		waits(time.Nanosecond)
		if got := s.let(); got != "a b c d" {
			t.Errorf("let in %q", got)
		}
	})
}

// shut stops a server of the door.
func (s *switchboard) shut(ctx context.Context) error {
	return s.door.Server(http.NotFoundHandler(), nil).Shutdown(ctx)
}

// callOn asks for a target on a connection.
func callOn(t *testing.T, h http.Handler, c *conn, target string) *reader {
	t.Helper()
	ctx := context.WithValue(t.Context(), connKey{}, c)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	w := &reader{header: http.Header{}}
	h.ServeHTTP(w, r)
	return w
}
