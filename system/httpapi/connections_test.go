package httpapi

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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

func (p *plug) Read(b []byte) (int, error) { return copy(b, "GET / HTTP/1.1\r\n\r\n"), nil }

// switchboard lets connections in by their names, where there is room for three. It lives
// in a bubble.
type switchboard struct {
	*connections
	door   *Door
	closed []string
	by     map[string]*guest
	within chan string // who was let in late
}

func newSwitchboard() *switchboard {
	s := &switchboard{connections: newConnections(3), by: map[string]*guest{}, within: make(chan string, 10)}
	s.door = &Door{name: "port", open: s.connections}
	return s
}

// dial has connections come, one after the other. Who cannot be let in at once waits.
func (s *switchboard) dial(names ...string) {
	for _, name := range names {
		s.by[name] = s.door.guest(&plug{name: name, closed: &s.closed})
		come := make(chan struct{})
		go func() {
			s.enter(s.by[name])
			s.within <- name
			close(come)
		}()
		synctest.Wait()
	}
}

// let returns who was let in since it was called last.
func (s *switchboard) let() string {
	var names []string
	for {
		select {
		case name := <-s.within:
			names = append(names, name)
		default:
			return strings.Join(names, " ")
		}
	}
}

func (s *switchboard) begins(name string) {
	_, _ = s.by[name].Read(make([]byte, 100))
	s.by[name].conn.phase.Store(phaseBusy)
}

func (s *switchboard) ends(names ...string) {
	for _, name := range names {
		s.by[name].conn.end()
		s.state(s.by[name], http.StateIdle)
		s.by[name].conn.phase.CompareAndSwap(phaseSent, phaseIdle) // it reads on
		time.Sleep(time.Millisecond)
	}
}

// answers has requests of all these answered.
func (s *switchboard) answers(names ...string) {
	for _, name := range names {
		s.begins(name)
		s.by[name].conn.welcomes(true)
		s.ends(name)
	}
}

func (s *switchboard) leaves(name string) {
	s.state(s.by[name], http.StateClosed)
	synctest.Wait()
}

// waits lets time pass.
func waits(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestWhoMakesRoomForWhom(t *testing.T) {
	const soon = idleGrace + lookForRoom // for an idle one to go
	tests := map[string]struct {
		do   func(s *switchboard)
		gone string // in this order
		in   string // of those who come last
	}{
		"as many as there may be": {func(s *switchboard) { s.dial("a", "b", "c") }, "", "a b c"},
		"one more, and all are idle": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.answers("b", "c", "a")
			waits(soon)
			s.dial("d")
		}, "b", "a b c d"},
		"two more": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.answers("a", "b", "c")
			waits(soon)
			s.dial("d", "e")
		}, "a b", "a b c d e"},
		"one that is answered stays": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.answers("a", "b", "c")
			s.begins("a")
			waits(soon)
			s.dial("d")
		}, "b", "a b c d"},
		"one that has sent something stays": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.answers("a", "b", "c")
			waits(soon)
			_, _ = s.by["a"].Read(make([]byte, 10))
			s.dial("d")
		}, "b", "a b c d"},
		"one whose answer is on its way stays": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.answers("a", "b", "c")
			s.begins("a")
			s.by["a"].conn.end()
			waits(soon)
			s.dial("d")
		}, "b", "a b c d"},
		"of one that has been answered more may be there": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.answers("a", "b", "c")
			s.begins("a")
			s.by["a"].conn.end()
			s.state(s.by["a"], http.StateIdle) // and the server has not come to read
			waits(soon)
			s.dial("d")
		}, "b", "a b c d"},
		"one that has just been answered is waited for": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.answers("a", "b", "c")
			s.dial("d")
		}, "", "a b c"},
		"and not for long": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.answers("a", "b", "c")
			s.dial("d")
			waits(soon)
		}, "a", "a b c d"},
		"strangers go first": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.answers("a", "b", "c")
			s.by["b"].conn.refuses(problem(CodeDenied, "no"))
			waits(soon)
			s.dial("d")
		}, "b", "a b c d"},
		"who asks too much is no stranger": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.answers("a", "b", "c")
			s.by["b"].conn.refuses(problem(CodeOverloaded, "no"))
			waits(soon)
			s.dial("d")
		}, "a", "a b c d"},
		"who asks what all may ask is one": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.answers("a", "c")
			s.begins("b")
			s.by["b"].conn.welcomes(false)
			s.ends("b")
			waits(soon)
			s.dial("d")
		}, "b", "a b c d"},
		"who has sent nothing has a while for it": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.dial("d")
			waits(sendGrace - time.Nanosecond)
		}, "", "a b c"},
		"and no more than that": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.begins("a")
			time.Sleep(time.Millisecond)
			_, _ = s.by["b"].Read(make([]byte, 10))
			s.dial("d")
			waits(sendGrace + lookForRoom)
		}, "c", "a b c d"},
		"who leaves makes room": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.begins("a")
			s.dial("d")
			s.leaves("b")
		}, "", "a b c d"},
		"all are answered, so the new one is told": {func(s *switchboard) {
			s.dial("a", "b", "c")
			for _, name := range []string{"a", "b", "c"} {
				s.begins(name)
			}
			s.dial("d")
			waits(sendGrace + 2*lookForRoom)
			if !s.by["d"].conn.excess || !s.by["d"].conn.leaves() {
				s.within <- "not told"
			}
			s.dial("e")
			s.leaves("d")
			waits(lookForRoom)
			if !s.by["e"].conn.excess {
				s.within <- "not told either"
			}
		}, "", "a b c d e"},
		"under siege who sends nothing goes soon": {func(s *switchboard) {
			for _, name := range []string{"a", "b", "c"} {
				s.dial(name)
				time.Sleep(time.Millisecond)
			}
			s.dial("d")
			waits(sendGrace + lookForRoom)
			s.dial("e", "f", "g")
			waits(siegeGrace + lookForRoom)
		}, "a b c d", "a b c d e f g"},
		"fewer may be there": {func(s *switchboard) {
			s.dial("a", "b", "c")
			s.answers("a", "b", "c")
			waits(soon)
			s.setLimit(1)
		}, "a b", "a b c"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSwitchboard()
				tt.do(s)
				if got := strings.Join(s.closed, " "); got != tt.gone {
					t.Errorf("closed %q, want %q", got, tt.gone)
				}
				if got := s.let(); got != tt.in {
					t.Errorf("let in %q, want %q", got, tt.in)
				}
				if len(s.open)-s.excess > int(s.limit.Load()) {
					t.Errorf("%d open", len(s.open))
				}
				s.connections.end()
			})
		})
	}
}

// TestOneMoreIsToldToGoWhenOneWaits has every connection send a request after the other.
func TestOneMoreIsToldToGoWhenOneWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard()
		s.dial("a", "b", "c")
		s.answers("a", "b", "c")
		s.dial("d")
		s.begins("a")
		s.begins("b")
		if a, b := s.by["a"].conn.leaves(), s.by["b"].conn.leaves(); !a || b {
			t.Errorf("told to go: %v, %v", a, b)
		}
		s.leaves("a")
		if got := s.let(); got != "a b c d" {
			t.Errorf("let in %q", got)
		}
		s.ends("b")
		s.begins("c")
		if s.by["c"].conn.leaves() {
			t.Error("one is told to go where no one waits")
		}
		s.connections.end()
	})
}

func TestWhatIsOneRequest(t *testing.T) {
	const get = "GET /v1/token/a HTTP/1.1\r\nHost: a\r\n\r\n"
	for text, want := range map[string]bool{
		get: true, get + get: false, get[:len(get)-1]: false, get + "G": false, "": false, "\r\n\r\n": false,
		"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}": false,
	} {
		if got := isOneRequest([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestAConnectionIsBusyWhileItIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard()
		s.dial("a")
		c := s.by["a"].conn
		later := func() time.Time { return time.Now().Add(time.Hour) }
		h := s.watched(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if s.makeRoom(1, later(), 0) > 0 {
				t.Error("it may go")
			}
		}))
		h.ServeHTTP(&nowhere{}, httptest.NewRequestWithContext(context.WithValue(t.Context(), connKey{}, c), "GET", "/", nil))
		if s.makeRoom(1, later(), 0) != 1 || s.makeRoom(1, later(), 0) != 0 {
			t.Error("it may not go, or twice")
		}
		h = s.watched(http.NotFoundHandler()) // through no door
		h.ServeHTTP(&nowhere{header: http.Header{}}, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	})
}
