package provider

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tokend/messages"
)

// machines are those that a name leads to, one after the other, without a network.
// Each is a server of its own.
type machines struct {
	*testing.T
	ca      *authority
	servers []*pipes
	now     int // which of them the name leads to

	mu      sync.Mutex
	dialled []*cuttable
}

// newMachines starts a machine for each handler. It is for bubbles.
func newMachines(t *testing.T, protocol string, handlers ...http.HandlerFunc) *machines {
	t.Helper()
	m := &machines{T: t, ca: newAuthority(t)}
	pair, _, _ := m.ca.issue(t, hour())
	for _, h := range handlers {
		listener := &pipes{make(chan net.Conn), make(chan struct{})}
		m.servers = append(m.servers, listener)
		config := serverTLS(pair)
		config.NextProtos = []string{protocol}
		server := &http.Server{Handler: h, TLSConfig: config, ErrorLog: quiet(), Protocols: new(http.Protocols)}
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetHTTP2(protocol == "h2")
		go func() { _ = server.ServeTLS(listener, "", "") }()
		t.Cleanup(func() { _ = server.Close() })
	}
	synctest.Wait()
	return m
}

func (m *machines) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	conn := &cuttable{Conn: here}
	m.mu.Lock()
	m.dialled = append(m.dialled, conn)
	m.mu.Unlock()
	m.servers[m.now].conns <- there
	return conn, nil
}

func (m *machines) connections() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.dialled)
}

// client returns the settings of a client that reaches them.
func (m *machines) client() ClientCredentials {
	settings := client(m.T, "https://idp.example/")
	settings.TLS = TLS{CAFile: m.ca.file, ServerName: "127.0.0.1"}
	settings.Transports.dial = m.dial
	return settings
}

// inBubble runs f in a bubble, and ends the connections of settings in it.
func inBubble(t *testing.T, protocol string, handlers []http.HandlerFunc, f func(t *testing.T, m *machines, settings ClientCredentials)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newMachines(t, protocol, handlers...)
		settings := m.client()
		f(t, m, settings)
		settings.Transports.Close()
	})
}

var protocols = []string{"http/1.1", "h2"}

const page = "<!DOCTYPE html><html><body>Sorry</body></html>"

// What an answer says decides whether the connection that brought it serves others.
func TestAConnectionDoesNotOutliveTheEvidenceAgainstIt(t *testing.T) {
	html := []string{"Content-Type", "text/html"}
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		retired bool
	}{
		"a token":                   {says(200, goodAnswer), false},
		"a refused client":          {says(400, `{"error":"invalid_client"}`), false},
		"the same with 401":         {says(401, `{"error":"invalid_client"}`), false},
		"the same with 403":         {says(403, `{"error":"access_denied"}`, "Content-Type", "application/json"), false},
		"too many requests":         {says(429, `{"error":"slow_down"}`, "Retry-After", "1"), false},
		"trouble":                   {says(500, `{"error":"server_error"}`), true},
		"a gateway without a host":  {says(502, page, html...), true},
		"maintenance":               {says(503, "", "Retry-After", "60"), true},
		"a gateway that waits":      {says(504, ""), true},
		"nothing there":             {says(404, `{"message":"no route"}`), true},
		"gone":                      {says(410, ""), true},
		"another machine's":         {says(421, ""), true},
		"another way to ask":        {says(405, ""), true},
		"somewhere else":            {says(302, "", "Location", "https://parked.example/"), true},
		"a page":                    {says(200, page, html...), true},
		"a page of a firewall":      {says(403, page, html...), true},
		"no token":                  {says(200, `{"ok":true,"data":{}}`), true},
		"no JSON":                   {says(200, `{"access_token":`), true},
		"nothing at all":            {says(200, ""), true},
		"a token that none can use": {says(200, `{"access_token":"a b"}`), true},
	} {
		for _, protocol := range protocols {
			t.Run(name+" over "+protocol, func(t *testing.T) {
				inBubble(t, protocol, []http.HandlerFunc{c.answer}, func(t *testing.T, m *machines, settings ClientCredentials) {
					p, other := mustClient(t, settings), mustClient(t, settings)
					_, _ = Acquire(t.Context(), p, Request{Service: "billing"})
					synctest.Wait()
					_, _ = Acquire(t.Context(), other, Request{Service: "shipping"})
					want := 1
					if c.retired {
						want = 2
					}
					if got := m.connections(); got != want {
						t.Errorf("%d connections, want %d", got, want)
					}
				})
			})
		}
	}
}

func TestAHostsConnectionsAreRetiredOnceASecond(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			inBubble(t, protocol, []http.HandlerFunc{says(500, "")}, func(t *testing.T, m *machines, settings ClientCredentials) {
				p := mustClient(t, settings)
				ask := func(want int) {
					t.Helper()
					_ = failure(t, p)
					synctest.Wait()
					if got := m.connections(); got != want {
						t.Errorf("%d connections, want %d", got, want)
					}
				}
				ask(1) // and it is retired
				ask(2)
				time.Sleep(retirePace - time.Nanosecond)
				ask(2)
				time.Sleep(time.Nanosecond)
				ask(2) // and it is retired
				ask(3)
			})
		})
	}
}

// All services of a host have the successor, which one of them makes.
func TestTheSuccessorOfAConnectionIsShared(t *testing.T) {
	const services = 40
	var sound atomic.Bool
	current := func(w http.ResponseWriter, r *http.Request) {
		if !sound.Load() {
			says(500, "")(w, r)
			return
		}
		says(200, goodAnswer)(w, r)
	}
	inBubble(t, "h2", []http.HandlerFunc{current}, func(t *testing.T, m *machines, settings ClientCredentials) {
		_ = failure(t, mustClient(t, settings))
		sound.Store(true)
		synctest.Wait()
		for range 2 {
			var group sync.WaitGroup
			for range services {
				p := mustClient(t, settings)
				group.Go(func() {
					if _, err := Acquire(t.Context(), p, Request{Service: "s"}); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			if got := m.connections(); got != 2 {
				t.Errorf("%d connections, want 2", got)
			}
		}
	})
}

func TestAHealthyServerKeepsItsConnectionForAWhile(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			inBubble(t, protocol, []http.HandlerFunc{says(200, goodAnswer)}, func(t *testing.T, m *machines, settings ClientCredentials) {
				p := mustClient(t, settings)
				after := func(d time.Duration, want int) {
					t.Helper()
					time.Sleep(d)
					acquire(t, p)
					if got := m.connections(); got != want {
						t.Errorf("%d connections, want %d", got, want)
					}
				}
				after(0, 1)
				for range 4 {
					after(idleTimeout-time.Second, 1)
				}
				after(maxAge-4*(idleTimeout-time.Second)-time.Nanosecond, 1)
				after(time.Nanosecond, 2) // that is as old as one may be
				after(idleTimeout-time.Nanosecond, 2)
				after(idleTimeout+time.Nanosecond, 3)
			})
		})
	}
}

// A clock that goes on while the machine sleeps tells of connections that only the
// others call young.
func TestAConnectionDoesNotOutliveTheSleepOfTheMachine(t *testing.T) {
	inBubble(t, "http/1.1", []http.HandlerFunc{says(200, goodAnswer)}, func(t *testing.T, m *machines, settings ClientCredentials) {
		acquire(t, mustClient(t, settings))
		web, err := settings.Transports.Client(settings.TLS)
		if err != nil {
			t.Fatal(err)
		}
		r := web.Transport.(*routes)
		r.mu.Lock()
		for _, way := range r.byHost {
			way.now.used.boot -= idleTimeout
		}
		r.mu.Unlock()
		acquire(t, mustClient(t, settings))
		if got := m.connections(); got != 2 {
			t.Errorf("%d connections, want 2", got)
		}
	})
}

// The name means another machine, and the one before goes on to answer.
func TestANameThatMovesIsFound(t *testing.T) {
	for name, before := range map[string]http.HandlerFunc{
		"it has nothing there": says(404, page, "Content-Type", "text/html"),
		"it is in trouble":     says(503, "", "Retry-After", "3600"),
		"it is another's":      says(200, page, "Content-Type", "text/html"),
		"it has lost its keys": says(200, "{}"),
	} {
		for _, protocol := range protocols {
			t.Run(name+" over "+protocol, func(t *testing.T) {
				inBubble(t, protocol, []http.HandlerFunc{before, says(200, goodAnswer)}, func(t *testing.T, m *machines, settings ClientCredentials) {
					p := mustClient(t, settings)
					_ = failure(t, p)
					m.now = 1
					synctest.Wait()
					acquire(t, p)
				})
			})
		}
	}
	t.Run("it does well", func(t *testing.T) {
		asked := 0
		after := func(w http.ResponseWriter, r *http.Request) { asked++; says(200, goodAnswer)(w, r) }
		inBubble(t, "h2", []http.HandlerFunc{says(200, goodAnswer), after}, func(t *testing.T, m *machines, settings ClientCredentials) {
			p := mustClient(t, settings)
			acquire(t, p)
			m.now = 1
			for range int(maxAge/(idleTimeout/2)) - 1 {
				time.Sleep(idleTimeout / 2)
				acquire(t, p)
			}
			if asked > 0 {
				t.Error("the connection was left early")
			}
			time.Sleep(idleTimeout / 2)
			acquire(t, p)
			if asked != 1 {
				t.Error("the machine that the name means now was not found")
			}
		})
	})
}

// Requests that are under way on a retired connection end well.
func TestARetiredConnectionServesThoseWhoHaveIt(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			slow := func(w http.ResponseWriter, r *http.Request) {
				if id, _, _ := r.BasicAuth(); id == "slow" {
					time.Sleep(time.Second)
					says(200, goodAnswer)(w, r)
					return
				}
				says(500, "")(w, r)
			}
			inBubble(t, protocol, []http.HandlerFunc{slow}, func(t *testing.T, m *machines, settings ClientCredentials) {
				broken := mustClient(t, settings)
				settings.ClientID = "slow"
				p := mustClient(t, settings)
				var group sync.WaitGroup
				group.Go(func() { acquire(t, p) })
				time.Sleep(time.Second / 2)
				_ = failure(t, broken)
				group.Wait()
				synctest.Wait()
				for i, conn := range m.dialled { // none has to do any more
					if !conn.closed.Load() {
						t.Errorf("connection %d is open", i)
					}
				}
			})
		})
	}
}

// net/http gives a connection to a request before the exchange hears of it.
func TestAConnectionThatWasJustGivenAwayIsNotClosed(t *testing.T) {
	for name, retire := range map[string]func(r *routes, b *batch){
		"evidence":        func(_ *routes, b *batch) { b.retire() },
		"the idle closed": func(r *routes, _ *batch) { r.CloseIdleConnections() },
	} {
		t.Run(name, func(t *testing.T) {
			asked, answer := make(chan struct{}), make(chan struct{})
			slow := func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					close(asked)
					<-answer
				}
				says(200, goodAnswer)(w, r)
			}
			inBubble(t, "http/1.1", []http.HandlerFunc{slow}, func(t *testing.T, m *machines, settings ClientCredentials) {
				acquire(t, mustClient(t, settings))
				web, _ := settings.Transports.Client(settings.TLS)
				r := web.Transport.(*routes)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://idp.example/", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				b, _ := r.enter(req.URL)
				defer b.leave()
				go func() {
					<-asked
					retire(r, b)
					close(answer)
				}()
				resp, err := b.transport.RoundTrip(req)
				if err != nil || resp.Body.Close() != nil || m.connections() != 1 {
					t.Errorf("%v after %d connections", err, m.connections())
				}
			})
		})
	}
}

func TestIdleConnectionsAreBounded(t *testing.T) {
	inBubble(t, "http/1.1", []http.HandlerFunc{says(200, goodAnswer)}, func(t *testing.T, m *machines, settings ClientCredentials) {
		for i := range idleAtAll + 10 {
			settings.TokenURL = fmt.Sprintf("https://idp%d.example/", i)
			acquire(t, mustClient(t, settings))
		}
		synctest.Wait()
		open := 0
		for _, conn := range m.dialled {
			if !conn.closed.Load() {
				open++
			}
		}
		if open != idleAtAll || m.dialled[0].closed.Load() == false {
			t.Errorf("%d connections are open, the oldest closed: %t", open, m.dialled[0].closed.Load())
		}
	})
}

func TestHostsThatNobodyAsksAreForgotten(t *testing.T) {
	inBubble(t, "http/1.1", []http.HandlerFunc{says(200, goodAnswer)}, func(t *testing.T, _ *machines, settings ClientCredentials) {
		for i := range 5 {
			settings.TokenURL = fmt.Sprintf("https://idp%d.example/", i)
			acquire(t, mustClient(t, settings))
		}
		time.Sleep(keepRoute)
		settings.TokenURL = "https://idp.example/"
		acquire(t, mustClient(t, settings))
		web, _ := settings.Transports.Client(settings.TLS)
		if got := len(web.Transport.(*routes).byHost); got != 1 {
			t.Errorf("%d hosts are known", got)
		}
	})
}

func TestWhatSpeaksAgainstAConnection(t *testing.T) {
	for _, c := range []struct {
		class  string
		status int
		page   bool
		want   bool
	}{
		{messages.ClassTransient, 0, false, false}, // there was no answer
		{messages.ClassMalformed, 0, false, false}, // a file, a command
		{messages.ClassMalformed, 200, false, true},
		{messages.ClassTransient, 404, false, true},
		{messages.ClassThrottled, 429, false, false},
		{messages.ClassThrottled, 429, true, true},
		{messages.ClassThrottled, 503, false, true},
		{messages.ClassRejected, 401, false, false},
		{messages.ClassRejected, 401, true, true},
		{messages.ClassRejected, 500, false, true},
		{messages.ClassPanic, 200, false, false},
	} {
		if got := (&Error{Class: c.class, Page: c.page}).speaksAgainst(c.status); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
	if slices.Contains([]bool{late < doubt, doubt < silence, silence < defaultConnectTimeout*2}, false) {
		t.Error("the bounds of silence are out of order")
	}
}
