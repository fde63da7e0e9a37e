package httpapi

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// plug is a connection that notes that it was closed.
type plug struct {
	net.Conn
	name   string
	closed *[]string
}

func (p *plug) Close() error {
	*p.closed = append(*p.closed, p.name)
	return nil
}

// switchboard adds connections by their names to one with room for three.
type switchboard struct {
	*connections
	closed []string
	by     map[string]*conn
}

func newSwitchboard() *switchboard {
	return &switchboard{connections: newConnections(3), by: map[string]*conn{}}
}

func (s *switchboard) dial(names ...string) {
	for _, name := range names {
		s.by[name] = &conn{net: &plug{name: name, closed: &s.closed}}
		s.add(s.by[name])
	}
}

func (s *switchboard) leave(name string) { s.state(s.by[name].net, http.StateClosed) }

func TestOfTooManyConnectionsTheIdlestIsClosed(t *testing.T) {
	tests := map[string]struct {
		do   func(s *switchboard)
		want string
	}{
		"as many as there may be": {func(s *switchboard) { s.dial("a", "b", "c") }, ""},
		"one more":                {func(s *switchboard) { s.dial("a", "b", "c", "d") }, "a"},
		"two more":                {func(s *switchboard) { s.dial("a", "b", "c", "d", "e") }, "a b"},
		"one that is answered stays": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.begin(s.by["a"])
			s.dial("d")
		}, "b"},
		"one that was answered is the last to go": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.begin(s.by["a"])
			s.end(s.by["a"])
			s.dial("d", "e", "f")
		}, "b c a"},
		"all are answered, so the new one goes": {func(s *switchboard) {
			s.dial("a", "b", "c")
			for _, name := range []string{"a", "b", "c"} {
				s.begin(s.by[name])
			}
			s.dial("d")
			s.leave("d")
			s.end(s.by["b"])
			s.dial("e")
		}, "d b"},
		"who leaves makes room": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.leave("b")
			s.dial("d")
		}, ""},
		"who leaves while it is answered too": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.begin(s.by["b"])
			s.leave("b")
			s.end(s.by["b"])
			s.dial("d")
		}, ""},
		"another state is none of ours": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.state(s.by["a"].net, http.StateIdle)
			s.dial("d")
		}, "a"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSwitchboard()
			tt.do(s)
			if got := strings.Join(s.closed, " "); got != tt.want {
				t.Errorf("closed %q, want %q", got, tt.want)
			}
			if len(s.open) > int(s.limit.Load()) || s.waiting.Len() > len(s.open) {
				t.Errorf("%d open, %d waiting", len(s.open), s.waiting.Len())
			}
		})
	}
}

func TestAConnectionIsBusyWhileItIsAnswered(t *testing.T) {
	s := newSwitchboard()
	s.dial("a")
	c := s.by["a"]
	h := s.watched(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if s.makeRoom() {
			t.Error("it waits")
		}
	}))
	h.ServeHTTP(&nowhere{}, httptest.NewRequestWithContext(context.WithValue(t.Context(), connKey{}, c), "GET", "/", nil))
	if !s.makeRoom() || s.makeRoom() {
		t.Error("it does not wait, and once")
	}
	h = s.watched(http.NotFoundHandler()) // through no door
	h.ServeHTTP(&nowhere{header: http.Header{}}, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
}
