package httpapi

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// serve runs a real server on l until the test ends.
func serve(t testing.TB, l net.Listener, h http.Handler) {
	t.Helper()
	server, done := NewServer(h, nil), make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; err != http.ErrServerClosed {
			t.Errorf("server ended with %v", err)
		}
	})
}

func listenTCPTest(t testing.TB) net.Listener {
	t.Helper()
	l, err := Listen(context.Background(), Endpoint{Address: "tcp://127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// exchange sends raw bytes and returns the answer whole.
func exchange(t *testing.T, l net.Listener, raw string) (*http.Response, string) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(raw, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// socketPath returns a path short enough for a socket, whatever the test's name.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "door")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func listenAt(t *testing.T, e Endpoint) net.Listener {
	t.Helper()
	l, err := Listen(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func doors(t *testing.T) map[string]net.Listener {
	t.Helper()
	h := newDoor(newFake())
	tcp := listenTCPTest(t)
	serve(t, tcp, Guard(h, []string{tcp.Addr().String()}))
	all := map[string]net.Listener{"TCP": tcp}
	if runtime.GOOS != "windows" {
		unix := listenAt(t, Endpoint{Address: unixScheme + socketPath(t)})
		serve(t, unix, h)
		all["Unix socket"] = unix
	}
	return all
}

func TestRealServerAnswers(t *testing.T) {
	tests := map[string]struct {
		raw    string
		status int
		body   bool
	}{
		"a token":                      {"GET /v1/token/billing HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, true},
		"a token's head":               {"HEAD /v1/token/billing HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, false},
		"HTTP/1.0":                     {"GET /v1/token/billing HTTP/1.0\r\nHost: localhost\r\n\r\n", 200, true},
		"a head's problem":             {"HEAD /v1/token/nope HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, false},
		"a path that climbs":           {"GET /v1/token/nope/../billing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, true},
		"an escaped climb":             {"GET /v1/token/nope%2f..%2fbilling HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, true},
		"a chunked body":               {"POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n19\r\n{\"services\":[\"billing\"]} \r\n0\r\n\r\n", 200, true},
		"a body announced too large":   {"POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n" + strings.Repeat(" ", maxBody+1), 413, true},
		"options of everything":        {"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, true},
		"a method nobody knows":        {"BREW /v1/token/billing HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, true},
		"a head of a route for bodies": {"HEAD /v1/tokens HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, false},
	}
	for door, l := range doors(t) {
		for name, tt := range tests {
			t.Run(name+" over "+door, func(t *testing.T) {
				resp, body := exchange(t, l, tt.raw)
				if resp.StatusCode != tt.status {
					t.Fatalf("status %d, want %d: %s", resp.StatusCode, tt.status, body)
				}
				checkFraming(t, resp, body, tt.body)
			})
		}
	}
}

func checkFraming(t *testing.T, resp *http.Response, body string, wantBody bool) {
	t.Helper()
	if (body != "") != wantBody {
		t.Errorf("body %q", body)
	}
	length, err := strconv.Atoi(resp.Header.Get("Content-Length"))
	if err != nil || length == 0 || wantBody && length != len(body) {
		t.Errorf("Content-Length %q for %d bytes", resp.Header.Get("Content-Length"), len(body))
	}
	if resp.Header.Get("Cache-Control") != "no-store" || !strings.Contains(resp.Header.Get("Content-Type"), "json") {
		t.Errorf("headers %v", resp.Header)
	}
}

func TestGuardStandsBeforeTCPOnly(t *testing.T) {
	for door, l := range doors(t) {
		t.Run(door, func(t *testing.T) {
			resp, _ := exchange(t, l, "GET /v1/token/billing HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\r\n")
			if want := map[string]int{"TCP": 403, "Unix socket": 200}[door]; resp.StatusCode != want {
				t.Errorf("status %d, want %d", resp.StatusCode, want)
			}
		})
	}
}

func TestServerOutlastsAWait(t *testing.T) {
	s := NewServer(http.NotFoundHandler(), nil)
	if s.ReadTimeout <= MaxWait || s.WriteTimeout <= MaxWait {
		t.Errorf("reads for %s and writes for %s, but a request may wait %s", s.ReadTimeout, s.WriteTimeout, MaxWait)
	}
	if s.ReadHeaderTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Error("something is not bounded")
	}
}

func TestDoorCanBeMountedUnderAPrefix(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/tokend/", http.StripPrefix("/tokend", newDoor(newFake())))
	if rec := call(t, mux, "GET", "/tokend/v1/token/billing", ""); rec.Code != http.StatusOK {
		t.Errorf("status %d: %s", rec.Code, rec.Body)
	}
	rec := call(t, mux, "GET", "/tokend/v1/token/x%2Fbilling", "")
	wantProblem(t, rec, CodeNotFound)
}

func TestAbsoluteFormIsServedOnASocket(t *testing.T) {
	if l := doors(t)["Unix socket"]; l != nil {
		if resp, body := exchange(t, l, "GET http://localhost/v1/token/billing HTTP/1.1\r\nHost: localhost\r\n\r\n"); resp.StatusCode != http.StatusOK {
			t.Errorf("status %d: %s", resp.StatusCode, body)
		}
	}
}

func TestTCPErrorsSayWhatToDo(t *testing.T) {
	taken := listenTCPTest(t)
	defer func() { _ = taken.Close() }()
	tests := map[string]struct{ address, want string }{
		"taken":          {"tcp://" + taken.Addr().String(), "listen on http://" + taken.Addr().String() + ": the port is taken; stop what listens there or choose another port"},
		"not loopback":   {"tcp://0.0.0.0:7460", "only loopback"},
		"every address":  {"tcp://:7460", "only loopback"},
		"a foreign name": {"tcp://node.example:7460", "only loopback"},
		"a zone":         {"tcp://[::1%lo]:7460", "only loopback"},
		"no port":        {"tcp://127.0.0.1", "a host and a port"},
		"an empty port":  {"tcp://127.0.0.1:", "a host and a port"},
		"a port's name":  {"tcp://127.0.0.1:http", "a host and a port"},
		"a port too far": {"tcp://127.0.0.1:65536", "a host and a port"},
		"a path":         {"tcp://127.0.0.1:0/v1", "a host and a port"},
		"nothing":        {"", "begins with unix:// or tcp://"},
		"no scheme":      {"127.0.0.1:7460", "begins with unix:// or tcp://"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l, err := Listen(t.Context(), Endpoint{Address: tt.address})
			if err == nil {
				_ = l.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestLocalhostIsLoopbackInAnyCase(t *testing.T) {
	l := listenAt(t, Endpoint{Address: "tcp://LocalHost:0"})
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		t.Errorf("listens on %s", l.Addr())
	}
}

func TestValidateLooksAtTheEndpointAlone(t *testing.T) {
	tests := map[string]struct {
		endpoint Endpoint
		want     string // empty: nothing is wrong
	}{
		"a directory that is not there":  {Endpoint{Address: "unix:///no/such/directory/s", Mode: 0o660, Group: "no-such-group"}, ""},
		"a loopback port":                {Endpoint{Address: "tcp://127.0.0.1:7460"}, ""},
		"an IPv6 loopback port":          {Endpoint{Address: "tcp://[::1]:7460"}, ""},
		"a mode of a port":               {Endpoint{Address: "tcp://127.0.0.1:7460", Mode: 0o600}, "for Unix sockets only"},
		"a group of a port":              {Endpoint{Address: "tcp://127.0.0.1:7460", Group: "users"}, "for Unix sockets only"},
		"TLS of a port":                  {Endpoint{Address: "tcp://127.0.0.1:7460", TLS: &TLSFiles{}}, ""},
		"TLS where others can reach it":  {Endpoint{Address: "tcp://0.0.0.0:7460", TLS: &TLSFiles{}}, ""},
		"TLS of a socket":                {Endpoint{Address: "unix:///run/s", TLS: &TLSFiles{}}, "TLS is for TCP listeners only"},
		"a mode that is more than that":  {Endpoint{Address: "unix:///run/s", Mode: fs.ModeSetuid | 0o600}, "permission bits only"},
		"a path with dots":               {Endpoint{Address: "unix:///run/../s"}, "without . and .."},
		"a path with doubled slashes":    {Endpoint{Address: "unix:///run//s"}, "doubled slashes"},
		"a path with a line break":       {Endpoint{Address: "unix:///run/s\n"}, "control characters"},
		"the root":                       {Endpoint{Address: "unix:///"}, "absolute path"},
		"the longest path":               {Endpoint{Address: unixScheme + "/" + strings.Repeat("s", maxSocketPath-1)}, ""},
		"a path longer than the longest": {Endpoint{Address: unixScheme + "/" + strings.Repeat("s", maxSocketPath)}, "choose a shorter one"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.endpoint.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
