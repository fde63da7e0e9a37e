package httpapi

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tokend/messages"
	"tokend/system/access"
)

// patient is a keeper whose service billing has no token before it is told how a
// request for it ends.
type patient struct {
	*fakeKeeper
	ends chan func()
}

func newPatient() patient { return patient{newFake(), make(chan func())} }

func (p patient) TokenMinTTL(ctx context.Context, service string, _ time.Duration) (messages.Token, error) {
	if service != "billing" {
		return p.token(service)
	}
	select {
	case end := <-p.ends:
		end()
		return p.token(service)
	case <-ctx.Done():
		return messages.Token{}, &messages.Error{Kind: messages.ErrTimeout, Service: service, Cause: ctx.Err()}
	}
}

// crowd is a door in a bubble, at which the users 1 and 2 are clients.
type crowd struct {
	*testing.T
	keeper  patient
	shared  *access.Shared
	audit   *ledger
	traffic *Traffic
	door    *Door
	http.Handler
}

func newCrowd(t *testing.T, opts access.Options) *crowd {
	c := &crowd{T: t, keeper: newPatient(), audit: &ledger{}, traffic: NewTraffic()}
	c.shared = boundedPolicy(t, opts, crowdOf("admin")...)
	c.door = &Door{name: "socket", unix: true, open: newConnections(DefaultConnections)}
	c.Handler = New(c.keeper, Options{Access: c.shared, Audit: c.audit, Traffic: c.traffic})
	return c
}

func crowdOf(verbs string) []access.Client {
	return []access.Client{
		{Name: "greedy", UID: new(uint32(1)), Grants: granting(verbs, "*")},
		{Name: "modest", UID: new(uint32(2)), Grants: granting(verbs, "*")},
	}
}

// waiting is a request that is under way.
type waiting struct {
	*reader
	leave context.CancelFunc
}

// ask begins a request of that user.
func (c *crowd) ask(uid uint32, method, target string) waiting {
	ctx, leave := context.WithCancel(context.WithValue(c.Context(), connKey{}, &conn{door: c.door, peer: &access.Peer{UID: uid}}))
	w := waiting{&reader{header: http.Header{}, ended: make(chan struct{})}, leave}
	body := io.Reader(http.NoBody)
	if target == "/v1/tokens" {
		body = strings.NewReader(`{"services":["forever"]}`)
	}
	go func() {
		defer close(w.ended)
		defer func() {
			if v := recover(); v != nil && v != any(http.ErrAbortHandler) {
				panic(v)
			}
		}()
		c.ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, target, body))
	}()
	synctest.Wait()
	return w
}

// wants wants the status of a request of that user; 0: it is not answered yet.
func (c *crowd) wants(uid uint32, target string, status int) waiting {
	c.Helper()
	w := c.ask(uid, "GET", target)
	if w.status != status {
		c.Errorf("user %d, %s: status %d, want %d", uid, target, w.status, status)
	}
	return w
}

// leaves ends the requests, and the bubble with them.
func leaves(all ...waiting) {
	for _, w := range all {
		w.leave()
		<-w.ended
	}
}

func TestRequestsOfOneClientAreBounded(t *testing.T) {
	const waits = "/v1/token/billing"
	ends := map[string]func(c *crowd, w waiting){
		"it is answered":     func(c *crowd, _ waiting) { c.keeper.ends <- func() {} },
		"the caller leaves":  func(_ *crowd, w waiting) { w.leave() },
		"it takes too long":  func(*crowd, waiting) { time.Sleep(9 * time.Second) },
		"the keeper panics":  func(c *crowd, _ waiting) { c.keeper.ends <- func() { panic("oh") } },
		"the answer is shut": func(c *crowd, _ waiting) { c.keeper.ends <- func() { panic(http.ErrAbortHandler) } },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, access.Options{InFlight: 2})
				first := c.wants(1, waits, 0)
				time.Sleep(time.Second)
				second := c.wants(1, waits, 0)
				refused := c.wants(1, "/v1/token/forever", http.StatusTooManyRequests)
				if text := refused.text.String(); refused.header.Get("Retry-After") != "1" || !strings.Contains(text, `"code":"overloaded"`) {
					t.Errorf("headers %v, %s", refused.header, text)
				}
				if r := c.audit.take(); len(r) != 1 || r[0].Decision != access.Refused || r[0].Code != CodeOverloaded || r[0].Client != "greedy" || r[0].Service != "forever" {
					t.Errorf("audit %+v", r)
				}
				if got := c.traffic.Refusals(); got["in_flight"] != 1 || got["streams"] != 0 || got["rate"] != 0 {
					t.Errorf("refusals %v", got)
				}
				c.wants(2, "/v1/token/forever", http.StatusOK)

				end(c, first)
				synctest.Wait()
				third := c.wants(1, waits, 0)
				c.wants(1, waits, http.StatusTooManyRequests)
				leaves(first, second, third)
				c.wants(1, "/v1/token/forever", http.StatusOK)
			})
		})
	}
}

func TestEveryRouteThatIsNotOpenHasTheBound(t *testing.T) {
	for _, rt := range routes {
		target := strings.ReplaceAll(rt.pattern, "{service}", "forever")
		method := "GET"
		if len(rt.allow) > 0 {
			method = rt.allow[0]
		}
		want := http.StatusTooManyRequests
		switch {
		case rt.open:
			want = http.StatusOK
		case rt.forwarded:
			want = http.StatusServiceUnavailable
		}
		t.Run(target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, access.Options{InFlight: 1})
				waits := c.wants(1, "/v1/token/billing", 0)
				if w := c.ask(1, method, target); w.status != want {
					t.Errorf("status %d, want %d", w.status, want)
				}
				modest := c.ask(2, method, target)
				if modest.status == want && !rt.open {
					t.Errorf("another client: status %d", modest.status)
				}
				leaves(waits, modest)
			})
		})
	}
}

func TestStreamsOfOneClientAreBounded(t *testing.T) {
	ends := map[string]func(c *crowd, w waiting){
		"its reader leaves": func(_ *crowd, w waiting) { w.leave() },
		"its reader is stuck": func(c *crowd, w waiting) {
			w.be(func() { w.stuck = true })
			c.keeper.publish(happened("billing"))
			time.Sleep(writePatience)
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, access.Options{InFlight: 3, Streams: 2})
				first, second := c.wants(1, "/v1/events", http.StatusOK), c.wants(1, "/v1/events", http.StatusOK)
				refused := c.wants(1, "/v1/events", http.StatusTooManyRequests)
				if refused.header.Get("Retry-After") != "1" || c.traffic.Streams() != 2 || c.traffic.Refusals()["streams"] != 1 {
					t.Errorf("headers %v, %d streams, refusals %v", refused.header, c.traffic.Streams(), c.traffic.Refusals())
				}
				if r := c.audit.take(); len(r) != 3 || r[2].Decision != access.Refused || r[2].Code != CodeOverloaded || r[2].Verb != "watch" {
					t.Errorf("audit %+v", r)
				}
				waits := c.wants(1, "/v1/token/billing", 0) // a stream is a request that is under way, too
				c.wants(1, "/v1/token/forever", http.StatusTooManyRequests)
				other := c.wants(2, "/v1/events", http.StatusOK)
				leaves(waits)

				end(c, first)
				<-first.ended
				third := c.wants(1, "/v1/events", http.StatusOK)
				c.wants(1, "/v1/events", http.StatusTooManyRequests)
				leaves(second, third, other)
			})
		})
	}
}

// TestAStreamThatIsRefusedHoldsNothing asks for streams that never begin.
func TestAStreamThatIsRefusedHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, access.Options{Streams: 1})
		for range 3 {
			c.wants(1, "/v1/events?service=nothing", http.StatusNotFound)
			c.wants(1, "/v1/events?since=1", http.StatusBadRequest)
		}
		leaves(c.wants(1, "/v1/events", http.StatusOK))
	})
}

func TestBoundsChangeWhileRequestsAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, access.Options{InFlight: 2})
		becomes := func(inFlight int) {
			c.shared.Replace(boundedPolicy(t, access.Options{InFlight: inFlight}, crowdOf("get")...).Policy())
		}
		all := []waiting{c.wants(1, "/v1/token/billing", 0), c.wants(1, "/v1/token/billing", 0)}
		becomes(3)
		all = append(all, c.wants(1, "/v1/token/billing", 0))
		c.wants(1, "/v1/token/forever", http.StatusTooManyRequests)
		becomes(1)
		leaves(all[:2]...) // which began before
		c.wants(1, "/v1/token/forever", http.StatusTooManyRequests)
		leaves(all[2])
		for range 3 { // nothing is counted twice
			c.wants(1, "/v1/token/forever", http.StatusOK)
		}
	})
}

func TestWithoutABoundAClientHasThreeQuarters(t *testing.T) {
	for connections, want := range map[int][2]int{
		1: {1, 1}, 2: {1, 1}, 4: {3, 1}, 8: {6, 3}, 4096: {3072, 768}, 1_000_000: {750_000, 768},
	} {
		o := newConnections(0)
		o.setLimit(connections)
		if got := [2]int{o.share(access.Requests), o.share(access.Streams)}; got != want {
			t.Errorf("%d connections: %v, want %v", connections, got, want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, access.Options{})
		c.door.open.setLimit(4)
		all := []waiting{c.wants(1, "/v1/events", http.StatusOK), c.wants(1, "/v1/token/billing", 0), c.wants(1, "/v1/token/billing", 0)}
		c.wants(1, "/v1/token/forever", http.StatusTooManyRequests)
		all = append(all, c.wants(2, "/v1/events", http.StatusOK))
		leaves(all...)
	})
}
