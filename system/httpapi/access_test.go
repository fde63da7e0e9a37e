package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tokend/messages"
	"tokend/system/access"
)

// ledger is an audit that remembers.
type ledger struct {
	mu      sync.Mutex
	records []access.Record
}

func (l *ledger) Audit(r access.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, r)
}

// take returns the records since it was called last. A record is made before the
// answer is written, or, where it waits for how that went, right after.
func (l *ledger) take() []access.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.records
	l.records = nil
	return taken
}

// clock is a wall clock that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

func policyOf(t testing.TB, rate int, clients ...access.Client) *access.Shared {
	t.Helper()
	return boundedPolicy(t, access.Options{Rate: rate}, clients...)
}

func boundedPolicy(t testing.TB, opts access.Options, clients ...access.Client) *access.Shared {
	t.Helper()
	p, err := access.New(clients, opts)
	if err != nil {
		t.Fatal(err)
	}
	return access.NewShared(p)
}

func granting(verbs string, services ...string) []access.Grant {
	return []access.Grant{{Services: services, Verbs: strings.Split(verbs, ",")}}
}

// serveDoor serves k at e until the test ends.
func serveDoor(t testing.TB, k Keeper, e Endpoint, opts Options, door DoorOptions) (*Door, net.Listener) {
	t.Helper()
	l, err := Listen(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDoor(l, e, door)
	if err != nil {
		t.Fatal(err)
	}
	server, done := d.Server(New(k, opts), nil), make(chan error, 1)
	go func() { done <- server.Serve(d.Listener()) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; err != http.ErrServerClosed {
			t.Errorf("server ended with %v", err)
		}
	})
	return d, l
}

// line is a connection that is used for one request after the other.
type line struct {
	t *testing.T
	net.Conn
	answers *bufio.Reader
}

func connect(t *testing.T, c net.Conn, err error) *line {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &line{t, c, bufio.NewReader(c)}
}

func (l *line) get(target string, headers ...string) (int, string) {
	l.t.Helper()
	return l.ask(http.MethodGet, target, "", headers...)
}

func (l *line) ask(method, target, send string, headers ...string) (int, string) {
	l.t.Helper()
	head := []string{method + " " + target + " HTTP/1.1", "Host: localhost", "Content-Length: " + strconv.Itoa(len(send))}
	text := strings.Join(append(head, headers...), "\r\n") + "\r\n\r\n" + send
	if _, err := io.WriteString(l, text); err != nil {
		l.t.Fatal(err)
	}
	resp, err := http.ReadResponse(l.answers, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func dialTest(t *testing.T, l net.Listener) *line {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), l.Addr().Network(), l.Addr().String())
	return connect(t, c, err)
}

var aPort = Endpoint{Address: "tcp://127.0.0.1:0", Name: "port"}

func TestWithoutADoorNobodyIsKnown(t *testing.T) {
	h := New(newFake(), Options{Access: policyOf(t, 0, access.Client{Name: "a", Listener: "", UID: new(uint32(0)), Grants: granting("admin", "*")})})
	wantProblem(t, call(t, h, "GET", "/v1/token/billing", ""), CodeDenied)
	if rec := call(t, h, "GET", "/healthz", ""); rec.Code != http.StatusOK {
		t.Errorf("health: status %d", rec.Code)
	}
}

func TestAPolicyCountsForConnectionsThatAreOpen(t *testing.T) {
	shared := policyOf(t, 0, access.Client{Name: "a", Listener: "port", Grants: granting("get", "billing")})
	_, l := serveDoor(t, newFake(), aPort, Options{Access: shared}, DoorOptions{})
	c := dialTest(t, l)
	if status, body := c.get("/v1/token/billing"); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	shared.Replace(policyOf(t, 0, access.Client{Name: "a", Listener: "port", Grants: granting("get", "forever")}).Policy())
	if status, _ := c.get("/v1/token/billing"); status != http.StatusForbidden {
		t.Errorf("what was granted before: status %d", status)
	}
	if status, _ := c.get("/v1/token/forever"); status != http.StatusOK {
		t.Errorf("what is granted now: status %d", status)
	}
}

func TestADoorHasItsGuardWithoutAccessToo(t *testing.T) {
	_, l := serveDoor(t, newFake(), aPort, Options{}, DoorOptions{})
	c := dialTest(t, l)
	if status, _ := c.get("/v1/token/billing"); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if status, _ := c.get("/v1/token/billing", "Origin: http://evil.example"); status != http.StatusForbidden {
		t.Errorf("from a page: status %d", status)
	}
}

// swapping is a keeper that is asked for its list while the policy changes.
type swapping struct {
	*fakeKeeper
	swap func()
}

func (s swapping) List() []messages.TokenInfo {
	s.swap()
	return s.fakeKeeper.List()
}

func TestAPolicyCountsWhileARequestIsAnswered(t *testing.T) {
	shared := policyOf(t, 0, access.Client{Name: "a", Listener: "port", Grants: granting("info", "billing")})
	none := policyOf(t, 0, access.Client{Name: "a", Listener: "other", Grants: granting("info", "billing")}).Policy()
	k := swapping{newFake(), func() { shared.Replace(none) }}
	_, l := serveDoor(t, k, aPort, Options{Access: shared}, DoorOptions{})
	if _, body := dialTest(t, l).get("/v1/services"); body != `{"services":[]}` {
		t.Errorf("got %s", body)
	}
}

func TestANameThatIsListenedOnIsAHost(t *testing.T) {
	shared := policyOf(t, 0, access.Client{Name: "a", Listener: "port", Grants: granting("get", "*")})
	l := listenAt(t, aPort)
	d, err := NewDoor(l, Endpoint{Address: "tcp://node.example:7460", Name: "port"}, DoorOptions{Hosts: []string{"other.example"}})
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	defer func() { _, _ = near.Close(), far.Close() }()
	h := New(newFake(), Options{Access: shared})
	for host, want := range map[string]int{"node.example:7460": 200, "other.example": 200, "node.example": 403, "evil.example:7460": 403, l.Addr().String(): 200} {
		r := httptest.NewRequestWithContext(d.connContext(t.Context(), near), "GET", "/v1/token/billing", nil)
		r.Host = host
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != want {
			t.Errorf("%s: status %d, want %d", host, rec.Code, want)
		}
	}
}

func TestTooManyRequestsAreRefused(t *testing.T) {
	audit, traffic := &ledger{}, NewTraffic()
	now := &clock{now: noon}
	shared := policyOf(t, 2, access.Client{Name: "a", Listener: "port", Grants: granting("get", "billing")})
	_, l := serveDoor(t, newFake(), aPort, Options{Access: shared, Audit: audit, Traffic: traffic, Now: now.read}, DoorOptions{})
	c, got := dialTest(t, l), []int{}
	for _, at := range []time.Duration{0, 0, 0, 500*time.Millisecond - 1, 500 * time.Millisecond} {
		now.set(noon.Add(at))
		status, _ := c.get("/v1/token/billing")
		got = append(got, status)
	}
	if want := []int{200, 200, 429, 429, 200}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if status, _ := c.get("/healthz"); status != http.StatusOK {
		t.Errorf("health: status %d", status)
	}
	if n := traffic.Refusals()["rate"]; n != 2 {
		t.Errorf("%d refusals are counted", n)
	}
	if r := audit.take()[2]; r.Decision != access.Refused || r.Code != CodeOverloaded || r.Client != "a" {
		t.Errorf("audit %+v", r)
	}
}

func TestAPeerIsKnownByItsUser(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no Unix sockets")
	}
	if !PeersKnown {
		t.Skip("NOT TESTED: this system does not tell who connects")
	}
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	tests := map[string]struct {
		client access.Client
		want   int
	}{
		"the user":       {access.Client{UID: &uid}, 200},
		"the group":      {access.Client{GID: &gid}, 200},
		"another user":   {access.Client{UID: new(uid + 1)}, 403},
		"another group":  {access.Client{GID: new(gid + 1)}, 403},
		"the socket":     {access.Client{Listener: "socket"}, 200},
		"another socket": {access.Client{Listener: "sock"}, 403},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			audit := &ledger{}
			tt.client.Name, tt.client.Grants = "a", granting("get", "billing")
			e := Endpoint{Address: unixScheme + socketPath(t), Name: "socket"}
			_, l := serveDoor(t, newFake(), e, Options{Access: policyOf(t, 0, tt.client), Audit: audit}, DoorOptions{})
			status, _ := dialTest(t, l).get("/v1/token/billing", "Origin: http://evil.example", "Authorization: Bearer x")
			if status != tt.want {
				t.Errorf("status %d", status)
			}
			if from := audit.take()[0].From; !strings.HasPrefix(from, access.Peer{UID: uid, GID: gid}.String()) {
				t.Errorf("from %q", from)
			}
		})
	}
}

// TestADenialNamesWhomItDenies asks at a Unix socket, where the kernel says who asks.
func TestADenialNamesWhomItDenies(t *testing.T) {
	if runtime.GOOS == "windows" || !PeersKnown {
		t.Skip("NOT TESTED: this system does not tell who connects")
	}
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	named := fmt.Sprintf(" (seen as uid %d, gid %d)\"", uid, gid)
	known := access.Client{Name: "a", UID: &uid, Grants: granting("get", "billing")}
	unknown := access.Client{Name: "a", UID: new(uid + 1), Grants: granting("get", "billing")}
	tests := map[string]struct {
		client access.Client
		target string
		detail string
		names  bool
	}{
		"no client":            {unknown, "/v1/token/billing", "no client of this node", true},
		"no grant":             {known, "/v1/token/erp", "erp: not granted to this client", true},
		"no such service":      {known, "/v1/token/nothing", "nothing: not granted to this client", true},
		"a name that is none":  {known, "/v1/token/A", "not granted to this client", true},
		"another verb":         {known, "/v1/services/billing", "billing: not granted to this client", true},
		"a verb of the node":   {known, "/metrics", "not granted to this client", true},
		"events":               {known, "/v1/events?service=erp", "not granted to this client", true},
		"a proxy, no grant":    {known, "/v1/authorize/erp", "erp: not granted to this client\"", false},
		"a proxy, no client":   {unknown, "/v1/authorize/billing", "no client of this node\"", false},
		"a path that is none":  {known, "/v1/nothing", "no such path\"", false},
		"an answer to a batch": {known, "/v1/tokens", `"detail":"erp: not granted to this client`, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := Endpoint{Address: unixScheme + socketPath(t), Name: "socket"}
			_, l := serveDoor(t, newFake(), e, Options{Access: policyOf(t, 0, tt.client)}, DoorOptions{})
			ask := func() (int, string) { return dialTest(t, l).get(tt.target) }
			if tt.target == "/v1/tokens" {
				ask = func() (int, string) { return dialTest(t, l).ask(http.MethodPost, tt.target, `{"services":["erp"]}`) }
			}
			if _, body := ask(); !strings.Contains(body, tt.detail) || strings.Contains(body, named) != tt.names {
				t.Error(body)
			}
		})
	}
}

func TestReadinessNamesServicesToThoseWhoMayKnow(t *testing.T) {
	k := newFake()
	k.readiness = messages.Readiness{Services: []messages.Unready{{Service: "billing", State: "empty", NextTry: noon.Add(9 * time.Second)}, {Service: "erp", State: "empty"}}}
	key, hash := access.NewKey()
	audit := &ledger{}
	shared := policyOf(t, 0, access.Client{Name: "a", KeyHash: hash, Grants: granting("info", "billing")})
	_, l := serveDoor(t, k, aPort, Options{Access: shared, Audit: audit}, DoorOptions{})
	c := dialTest(t, l)
	status, body := c.get("/readyz")
	if status != http.StatusServiceUnavailable || body != `{"ready":false,"services":[]}` || len(audit.take()) != 0 {
		t.Errorf("to nobody: status %d, %s", status, body)
	}
	status, body = c.get("/readyz", "Authorization: Bearer "+key.Reveal())
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "billing") || strings.Contains(body, "erp") {
		t.Errorf("to a client: status %d, %s", status, body)
	}
	c.get("/healthz") // the record is made by now
	if r := audit.take(); len(r) != 1 || r[0].Client != "a" || r[0].Verb != "info" || *r[0].Services != 1 || r[0].Decision != access.Granted {
		t.Errorf("audit %+v", r)
	}
}

func TestAPanicIsAudited(t *testing.T) {
	k, audit := newFake(), &ledger{}
	k.panics = "oh"
	shared := policyOf(t, 0, access.Client{Name: "a", Listener: "port", Grants: granting("get", "billing")})
	_, l := serveDoor(t, k, aPort, Options{Access: shared, Audit: audit}, DoorOptions{})
	if status, _ := dialTest(t, l).get("/v1/token/billing"); status != http.StatusInternalServerError {
		t.Errorf("status %d", status)
	}
	if r := audit.take(); len(r) != 1 || r[0].Decision != access.Granted || r[0].Code != CodeInternal {
		t.Errorf("audit %+v", r)
	}
}

// TestAForwardedKeyIsSomebodyElses asks as a proxy does that forwards the header of
// whoever it asks for.
func TestAForwardedKeyIsSomebodyElses(t *testing.T) {
	key, hash := access.NewKey()
	shared := policyOf(t, 0,
		access.Client{Name: "user", KeyHash: hash, Grants: granting("get", "*")},
		access.Client{Name: "proxy", Listener: "port", Grants: granting("get", "billing")})
	l := listenAt(t, aPort)
	for name, tt := range map[string]struct{ door, service, header, code string }{
		"the proxy's own grant":    {"port", "billing", "Bearer tkd_x", ""},
		"the key's":                {"port", "forever", "Bearer " + key.Reveal(), CodeDenied},
		"the key at another door":  {"other", "billing", "Bearer " + key.Reveal(), CodeDenied},
		"no key, at another door":  {"other", "billing", "", CodeDenied},
		"an unknown service there": {"port", "nothing", "Bearer " + key.Reveal(), CodeDenied},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := NewDoor(l, Endpoint{Address: aPort.Address, Name: tt.door}, DoorOptions{})
			if err != nil {
				t.Fatal(err)
			}
			near, far := net.Pipe()
			defer func() { _, _ = near.Close(), far.Close() }()
			r := httptest.NewRequestWithContext(d.connContext(t.Context(), near), "POST", "/v1/authorize/"+tt.service, nil)
			r.Host = "localhost"
			r.Header.Set("Authorization", tt.header)
			rt := &route{verb: access.Get, forwarded: true}
			h := &handler{keeper: newFake(), opts: Options{Access: shared}.withDefaults()}
			caller, err := h.admit(r, rt)
			if err == nil {
				err = h.permit(caller, rt, tt.service)
			}
			if got := codeOrNone(err); got != tt.code {
				t.Errorf("code %q, want %q", got, tt.code)
			}
		})
	}
}

func codeOrNone(err error) string {
	if err == nil {
		return ""
	}
	return ProblemOf(err).Code
}

// deadlines is a ResponseWriter that notes them.
type deadlines struct {
	nowhere
	read []time.Duration
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.read = append(d.read, time.Until(at))
	return nil
}

func TestABodyHasLittleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &deadlines{}
		body, err := readBody(w, httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader("x")))
		if err != nil || string(body) != "x" || !slices.Equal(w.read, []time.Duration{bodyTimeout, requestTimeout}) {
			t.Errorf("%q, %v, deadlines in %v", body, err, w.read)
		}
	})
}
