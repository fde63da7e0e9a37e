package provider

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tokend/messages"
)

// pipes is a listener whose connections need no network.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// cuttable is a connection that can lose what is sent over it in silence.
type cuttable struct {
	net.Conn

	cut     atomic.Bool
	closed  atomic.Bool
	lingers atomic.Int32 // what is done with what was not sent yet

	mu   sync.Mutex
	late *bytes.Buffer // what is written, but not delivered yet; nil: all is
}

func (c *cuttable) SetLinger(seconds int) error {
	if !c.closed.Load() {
		c.lingers.Store(int32(seconds))
	}
	return nil
}

// hold delivers nothing until goOn is called.
func (c *cuttable) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late = new(bytes.Buffer)
}

func (c *cuttable) goOn() {
	c.mu.Lock()
	late := c.late
	c.late = nil
	c.mu.Unlock()
	_, _ = c.Conn.Write(late.Bytes())
}

// later reports whether what is written is delivered later.
func (c *cuttable) later(b []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.late == nil {
		return false
	}
	_, _ = c.late.Write(b)
	return true
}

func (c *cuttable) Close() error {
	c.closed.Store(true)
	return c.Conn.Close()
}

func (c *cuttable) Write(b []byte) (int, error) {
	if c.cut.Load() || c.later(b) {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// A connection that went dead in silence, as when a firewall forgets it, is no
// acquisition's trouble: each goes to another one within its time, and those that
// come later do not queue behind it. The system would try to deliver for a quarter of
// an hour, and HTTP/2 has all requests to a host share a connection.
func TestAForgottenConnectionCostsNoAcquisition(t *testing.T) {
	for name, idle := range map[string]time.Duration{
		"while it is used":       0,
		"just before":            late / 2,
		"while it was asked":     late + late/2,
		"long before":            silence,
		"as long as it can idle": idleTimeout,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "h2", []http.HandlerFunc{says(200, goodAnswer)}, func(t *testing.T, m *machines, settings ClientCredentials) {
				acquire(t, mustClient(t, settings))
				m.dialled[0].cut.Store(true)
				time.Sleep(idle)
				var group sync.WaitGroup
				for i := range 40 {
					p := mustClient(t, settings)
					group.Go(func() {
						time.Sleep(time.Duration(i) * time.Second / 10)
						ctx, cancel := Within(t.Context(), 10*time.Second)
						defer cancel()
						begun := time.Now()
						if _, err := Acquire(ctx, p, Request{Service: "s"}); err != nil {
							t.Error(err)
						}
						bound := silence
						if i > 20 { // which is after doubt
							bound = 0
						}
						if took := time.Since(begun); took > bound {
							t.Errorf("the one after %d took %s", i, took)
						}
					})
				}
				group.Wait()
				if got := m.connections(); got != 2 {
					t.Errorf("%d connections were made, want a second one", got)
				}
				if idle < silence && m.dialled[0].lingers.Load() != 0 {
					t.Error("what was sent over the first may arrive still")
				}
			})
		})
	}
}

// What went over a connection that is given up must not arrive later.
func TestWhatIsGivenUpIsDropped(t *testing.T) {
	slow := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server notices the client go
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute):
		}
		says(200, goodAnswer)(w, r)
	}
	half := func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("{"))
		_ = http.NewResponseController(w).Flush()
		slow(w, r)
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		h1, h2 int // how the connection lingers when it is closed
	}{
		"an answer":              {says(200, goodAnswer), -1, -1},
		"an answer that ends it": {says(200, goodAnswer, "Connection", "close"), -1, -1},
		"a refusal":              {says(400, `{"error":"invalid_client"}`), -1, -1},
		"no answer":              {slow, 0, -1},
		"a part of an answer":    {half, -1, -1},
		"an end without a word":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, -1},
		"trouble":                {says(500, ""), -1, -1},
	} {
		for protocol, want := range map[string]int{"http/1.1": c.h1, "h2": c.h2} {
			t.Run(name+" over "+protocol, func(t *testing.T) {
				inBubble(t, protocol, []http.HandlerFunc{c.answer}, func(t *testing.T, m *machines, settings ClientCredentials) {
					ctx, cancel := Within(t.Context(), 10*time.Second)
					defer cancel()
					_, _ = Acquire(ctx, mustClient(t, settings), Request{Service: "s"})
					synctest.Wait()
					settings.Transports.Close()
					synctest.Wait()
					if conn := m.dialled[0]; !conn.closed.Load() || int(conn.lingers.Load()) != want {
						t.Errorf("closed: %t, lingering: %d, want %d", conn.closed.Load(), conn.lingers.Load(), want)
					}
				})
			})
		}
	}
}

func TestWhatSilenceMeans(t *testing.T) {
	for name, c := range map[string]struct {
		silent  time.Duration
		patient bool
		next    time.Duration
		want    presence
	}{
		"none":                             {0, false, doubt, there},
		"short":                            {doubt - 1, true, 1, there},
		"longer than a question":           {doubt, false, silence - doubt, doubtful},
		"almost too long":                  {silence - 1, true, 1, doubtful},
		"too long":                         {silence, false, 0, gone},
		"too long, but it may have got it": {silence, true, late, doubtful},
		"as long as there is time":         {time.Hour, true, late, doubtful},
	} {
		if next, got := hear(c.silent, c.patient); next != c.next || got != c.want {
			t.Errorf("%s: %s, %d", name, next, got)
		}
	}
}

func TestWhatMayLieOnThisMachine(t *testing.T) {
	for name, c := range map[string]struct {
		age, silent time.Duration
		delivered   bool
		want        bool
	}{
		"all of it was delivered":     {time.Hour, time.Hour, true, false},
		"the other end is there":      {doubt, doubt - 1, false, false},
		"it was there before":         {doubt, doubt, false, true},
		"it is there, perhaps before": {doubt - 1, 0, false, true},
		"young, but delivered":        {0, 0, true, false},
	} {
		if got := mayLie(c.age, c.silent, c.delivered); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// One service's account is slow. It is given up, and the others go on over the same
// connection, which answers.
func TestWhatIsGivenUpTakesNoOthersAlong(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		if id, _, _ := r.BasicAuth(); id == "slow" {
			time.Sleep(7 * time.Second)
		} else {
			time.Sleep(4 * time.Second)
		}
		says(200, goodAnswer)(w, r)
	}
	inBubble(t, "h2", []http.HandlerFunc{handler}, func(t *testing.T, m *machines, settings ClientCredentials) {
		p := mustClient(t, settings)
		settings.ClientID = "slow"
		slow := mustClient(t, settings)
		var group sync.WaitGroup
		group.Go(func() {
			ctx, cancel := Within(t.Context(), 5*time.Second)
			defer cancel()
			if _, err := Acquire(ctx, slow, Request{Service: "s"}); err == nil {
				t.Error("a token")
			}
		})
		time.Sleep(3 * time.Second)
		acquire(t, p)
		group.Wait()
		if m.connections() != 1 {
			t.Errorf("%d connections", m.connections())
		}
		time.Sleep(5 * time.Second) // for the slow one
	})
}

// Two services share a connection that is cut for a while. The one that may send its
// request twice does so over another; the one that may not gets its answer over this.
func TestWhatIsGoodForOneUseKeepsItsConnection(t *testing.T) {
	inBubble(t, "h2", []http.HandlerFunc{says(200, goodAnswer)}, func(t *testing.T, m *machines, settings ClientCredentials) {
		p := mustClient(t, settings)
		once, err := NewRefreshToken(RefreshToken{Grant: Grant(settings), RefreshToken: hush("r")})
		if err != nil {
			t.Fatal(err)
		}
		acquire(t, p)
		m.dialled[0].hold()
		time.AfterFunc(silence+2*time.Second, m.dialled[0].goOn)
		var group sync.WaitGroup
		for i, p := range []Provider{p, once} {
			group.Go(func() {
				ctx, cancel := Within(t.Context(), 10*time.Second)
				defer cancel()
				begun := time.Now()
				if _, err := Acquire(ctx, p, Request{Service: "s"}); err != nil {
					t.Error(err)
				}
				if want := []time.Duration{silence, silence + 2*time.Second}[i]; time.Since(begun) != want {
					t.Errorf("%d took %s, want %s", i, time.Since(begun), want)
				}
			})
		}
		group.Wait()
		if m.connections() != 2 {
			t.Errorf("%d connections", m.connections())
		}
	})
}

// A server of HTTP/2 says goodbye: what it has got it answers, and the next request has
// another connection.
func TestAGoodbyeCostsNothing(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Second)
		says(200, goodAnswer, "Connection", "close")(w, r) // which is how net/http says it
	}
	inBubble(t, "h2", []http.HandlerFunc{handler}, func(t *testing.T, m *machines, settings ClientCredentials) {
		for i := range 3 {
			var group sync.WaitGroup
			for range 5 {
				p := mustClient(t, settings)
				group.Go(func() { acquire(t, p) })
			}
			group.Wait()
			synctest.Wait()
			if got := m.connections(); got != i+1 {
				t.Errorf("%d connections, want %d", got, i+1)
			}
		}
	})
}

// A connection that breaks while it is idle is not used for a request.
func TestAConnectionThatBreaksWhileItIsIdleCostsNothing(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			inBubble(t, protocol, []http.HandlerFunc{says(200, goodAnswer)}, func(t *testing.T, m *machines, settings ClientCredentials) {
				for i := range 3 {
					acquire(t, mustClient(t, settings))
					_ = m.dialled[i].Conn.Close()
					synctest.Wait()
				}
			})
		})
	}
}

// A server of HTTP/1.1 that hangs up in the middle of an answer ends that request, and
// no other.
func TestAnAnswerThatBreaksOffEndsOneRequest(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			var asked atomic.Int32
			handler := func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) == 2 {
					afterHeadersReset(w, r)
				}
				says(200, goodAnswer)(w, r)
			}
			inBubble(t, protocol, []http.HandlerFunc{handler}, func(t *testing.T, _ *machines, settings ClientCredentials) {
				p := mustClient(t, settings)
				acquire(t, p)
				if got := failure(t, p); got.Class != messages.ClassTransient || got.TimedOut {
					t.Errorf("%+v", got)
				}
				acquire(t, p)
			})
		})
	}
}

// A server that works on a request for long answers when it is asked whether it is
// there: the connection is sound, and others go on using it.
func TestASlowServerIsNotForgotten(t *testing.T) {
	slow := func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(9 * time.Second)
		says(200, goodAnswer)(w, r)
	}
	inBubble(t, "h2", []http.HandlerFunc{slow}, func(t *testing.T, m *machines, settings ClientCredentials) {
		var group sync.WaitGroup
		for i := range 5 {
			p := mustClient(t, settings)
			group.Go(func() {
				time.Sleep(time.Duration(i) * 2 * time.Second)
				acquire(t, p)
			})
		}
		group.Wait()
		if got := m.connections(); got != 1 {
			t.Errorf("%d connections", got)
		}
	})
}

// A server that is stopped for a while has the request, and takes it up later: what is
// good for one use is not sent again meanwhile. What may be sent twice is.
func TestAServerThatIsStoppedIsNotTakenForOneThatIsGone(t *testing.T) {
	sent := make(chan string, 9)
	answer := func(w http.ResponseWriter, r *http.Request) {
		sent <- r.FormValue("refresh_token")
		says(200, goodAnswer)(w, r)
	}
	synctest.Test(t, func(t *testing.T) {
		sent = make(chan string, 9)
		m := newMachines(t, "h2", answer)
		settings := m.client()
		defer settings.Transports.Close()
		p, err := NewRefreshToken(RefreshToken{Grant: Grant(settings), RefreshToken: hush("r")})
		if err != nil {
			t.Fatal(err)
		}
		acquire(t, p)
		m.dialled[0].hold()
		time.AfterFunc(silence+2*time.Second, m.dialled[0].goOn)
		ctx, cancel := Within(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := Acquire(ctx, p, Request{Service: "s"}); err != nil {
			t.Error(err)
		}
		if len(sent) != 2 {
			t.Errorf("%d requests in all, want 2", len(sent))
		}
	})
}
