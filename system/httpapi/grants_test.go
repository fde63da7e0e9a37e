package httpapi

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"tokend/messages"
	"tokend/system/access"
)

// watcher is a client that comes through the door of that name.
func watcher(listener, verbs string, services ...string) access.Client {
	return access.Client{Name: "a", Listener: listener, Grants: granting(verbs, services...)}
}

func TestAStreamOfAnotherServiceIsRefusedAndAudited(t *testing.T) {
	audit, traffic := &ledger{}, NewTraffic()
	_, l := serveDoor(t, newFake(), aPort, Options{Access: policyOf(t, 0, watcher("port", "watch", "billing")), Audit: audit, Traffic: traffic}, DoorOptions{})
	c := dialTest(t, l)
	for i, service := range []string{"forever", "nothing"} {
		status, body := c.get("/v1/events?service=billing&service=" + service)
		if status != http.StatusForbidden || !strings.Contains(body, service+": not granted") {
			t.Errorf("%s: status %d, %s", service, status, body)
		}
		c.get("/healthz") // the record is made by now
		r := audit.take()
		if len(r) != 1 || r[0].Decision != access.Refused || r[0].Code != CodeDenied || r[0].Service != service || r[0].Verb != "watch" {
			t.Errorf("%s: audit %+v", service, r)
		}
		if n := traffic.Refusals()["access"]; n != uint64(i+1) {
			t.Errorf("%d refusals are counted", n)
		}
	}
}

// stream begins a stream and reads its header. To close the body would be to wait for
// the end; the connection is closed with the test.
func (l *line) stream(target string) *http.Response {
	l.t.Helper()
	if _, err := io.WriteString(l, "GET "+target+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		l.t.Fatal(err)
	}
	resp, err := http.ReadResponse(l.answers, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp
}

func TestAStreamIsAuditedWhenItBegins(t *testing.T) {
	for target, want := range map[string][]string{
		"/v1/events": {""},
		"/v1/events?service=forever&service=billing&service=forever": {"billing", "forever"},
	} {
		audit := &ledger{}
		_, l := serveDoor(t, newFake(), aPort, Options{Access: policyOf(t, 0, watcher("port", "watch", "*")), Audit: audit}, DoorOptions{})
		if resp := dialTest(t, l).stream(target); resp.StatusCode != http.StatusOK {
			t.Fatalf("status %d", resp.StatusCode)
		}
		var got []string
		for _, r := range audit.take() {
			got = append(got, r.Service)
			if r.Decision != access.Granted || r.Code != "" || r.Verb != "watch" || r.Client != "a" {
				t.Errorf("audit %+v", r)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: records of %q, want %q", target, got, want)
		}
	}
}

// TestAStreamEndsWithItsGrant changes what its reader may do while it is open.
func TestAStreamEndsWithItsGrant(t *testing.T) {
	ca := newAuthority(t)
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	pair, server := ca.issue(end), ca.issue(end.Add(24*time.Hour))
	with := func(services ...string) *access.Policy {
		return policyOf(t, 0, access.Client{Name: "app", SAN: "dns:app.example", Grants: granting("watch", services...)}).Policy()
	}
	for name, tt := range map[string]struct {
		target string
		change func(shared *access.Shared, now *clock)
		stays  bool
	}{
		"the certificate ends":        {"/v1/events", func(_ *access.Shared, now *clock) { now.set(end.Add(time.Nanosecond)) }, false},
		"no grant is left":            {"/v1/events", func(s *access.Shared, _ *clock) { s.Replace(policyOf(t, 0).Policy()) }, false},
		"another service is left":     {"/v1/events?service=billing", func(s *access.Shared, _ *clock) { s.Replace(with("forever")) }, false},
		"one of two is left":          {"/v1/events?service=billing&service=forever", func(s *access.Shared, _ *clock) { s.Replace(with("billing")) }, true},
		"the grant stays":             {"/v1/events", func(s *access.Shared, _ *clock) { s.Replace(with("bill*")) }, true},
		"the certificate is good yet": {"/v1/events", func(_ *access.Shared, now *clock) { now.set(end.Add(-time.Nanosecond)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			files, now, k := filesIn(t.TempDir()), &clock{now: time.Now()}, newFake()
			put(t, files, &server, ca)
			shared := access.NewShared(with("*"))
			_, l := serveDoor(t, k, Endpoint{Address: aPort.Address, TLS: &files}, Options{Access: shared, Now: now.read}, DoorOptions{})
			resp := secureLine(t, l, ca, pair).stream(tt.target)
			if _, err := io.ReadFull(resp.Body, make([]byte, len(hello))); err != nil {
				t.Fatal(err)
			}
			tt.change(shared, now)
			k.publish(happened("billing"))
			if !tt.stays {
				k.end() // if it is still there, it would not stay for ever
			}
			text := make([]byte, len(block("1", "billing")))
			n, err := io.ReadFull(resp.Body, text)
			if tt.stays != (err == nil) || !tt.stays && n > 0 {
				t.Errorf("got %q, %v", text[:n], err)
			}
		})
	}
}

// TestStreamsLeaveConnectionsToOthers opens as many as a door has, and one more.
func TestStreamsLeaveConnectionsToOthers(t *testing.T) {
	shared := boundedPolicy(t, access.Options{Streams: 3}, watcher("port", "admin", "*"))
	_, l := serveDoor(t, newFake(), aPort, Options{Access: shared}, DoorOptions{Connections: 4})
	for range 2 {
		if resp := dialTest(t, l).stream("/v1/events"); resp.StatusCode != http.StatusOK {
			t.Fatalf("status %d", resp.StatusCode)
		}
	}
	c := dialTest(t, l)
	if status, body := c.get("/v1/events"); status != http.StatusTooManyRequests {
		t.Errorf("a stream too many: status %d, %s", status, body)
	}
	if status, _ := c.get("/v1/token/billing"); status != http.StatusOK {
		t.Errorf("a token: status %d", status)
	}
}

// taker is a ResponseWriter that calls a function when something is written.
type taker struct {
	nowhere
	taking func()
}

func (w *taker) Write(b []byte) (int, error) {
	w.taking()
	return len(b), nil
}

// TestWhoMayBeAnybodyHoldsNoPlace looks whether a connection may be closed for
// another while its answer is written.
func TestWhoMayBeAnybodyHoldsNoPlace(t *testing.T) {
	shared := policyOf(t, 0, watcher("port", "get", "billing"))
	for target, want := range map[string]bool{"/v1/openapi.yaml": true, "/healthz": true, "/readyz": true, "/v1/token/billing": false} {
		near, far := net.Pipe()
		defer func() { _, _ = near.Close(), far.Close() }()
		open := newConnections(3)
		c := &conn{net: near, door: &Door{name: "port", unix: true, open: open}}
		open.admit(c, true)
		wrote := false
		w := &taker{nowhere{header: http.Header{}}, func() {
			wrote = true
			if waits := c.phase.Load() != phaseBusy; waits != want {
				t.Errorf("%s: may be closed: %v", target, waits)
			}
		}}
		h := open.watched(New(newFake(), Options{Access: shared}))
		h.ServeHTTP(w, httptest.NewRequestWithContext(context.WithValue(t.Context(), connKey{}, c), "GET", target, nil))
		if !wrote || c.phase.Load() != phaseAnswered {
			t.Errorf("%s: written %v, afterwards it is in phase %d", target, wrote, c.phase.Load())
		}
	}
}

func TestWhyTheVaultDoesBadlyIsNotForStrangers(t *testing.T) {
	k := vaultKeeper{newFake(), messages.VaultState{Degraded: true, Since: noon, Text: "no space left on device"}, true}
	for verb, want := range map[string]bool{"info": true, "get": false} {
		_, l := serveDoor(t, k, aPort, Options{Access: policyOf(t, 0, watcher("port", verb, "billing"))}, DoorOptions{})
		status, body := dialTest(t, l).get("/readyz")
		if status != http.StatusOK || !strings.Contains(body, `"degraded"`) || strings.Contains(body, "no space") != want {
			t.Errorf("with %s: status %d, %s", verb, status, body)
		}
	}
}

func TestAStreamReadsItsBodyFirst(t *testing.T) {
	wantProblem(t, call(t, newDoor(newFake()), "GET", "/v1/events", `{"service":"billing"}`), CodeInvalidRequest)
}

func TestABodyThatDoesNotComeIsNotWaitedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &deadlines{nowhere: nowhere{header: http.Header{}}}
		body := io.MultiReader(strings.NewReader("{"), iotest.ErrReader(errors.New("late")))
		_, err := readBody(w, httptest.NewRequestWithContext(t.Context(), "POST", "/", body))
		if ProblemOf(err).Code != CodeInvalidRequest || !slices.Equal(w.read, []time.Duration{bodyTimeout}) || w.header.Get("Connection") != "close" {
			t.Errorf("%v, deadlines in %v, headers %v", err, w.read, w.header)
		}
	})
}

func TestAPanicInAuthorizeIsOneOfItsTwoRefusals(t *testing.T) {
	k := newFake()
	k.panics = "oh"
	wantProblem(t, call(t, newDoor(k), "GET", "/v1/authorize/billing", ""), CodeUnavailable)
}

func TestAScrapeHasLittleTimeToBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{header: http.Header{}}
		h := New(newFake(), Options{Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x 1\n")) })})
		h.ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		if deadline, _ := r.bounds(); !deadline.Equal(time.Now().Add(writePatience)) {
			t.Errorf("a write may last until %s", deadline)
		}
	})
}
