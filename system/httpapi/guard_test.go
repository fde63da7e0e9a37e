package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	allowed := []string{"node.example", "Only.example:7460", "10.0.0.5:7460", "[fd00::1]", "[fd00::2]:7460", "dotted.example.", "."}
	tests := map[string]struct {
		host   string
		origin []string
		want   int
	}{
		"loopback address":                   {"127.0.0.1:7460", nil, 200},
		"another loopback address":           {"127.8.9.1", nil, 200},
		"IPv6 loopback":                      {"[::1]:7460", nil, 200},
		"IPv6 loopback without a port":       {"[::1]", nil, 200},
		"localhost":                          {"localhost", nil, 200},
		"localhost in capitals":              {"LOCALHOST:1", nil, 200},
		"allowed name, any port":             {"node.example:81", nil, 200},
		"allowed name in capitals":           {"NODE.example", nil, 200},
		"allowed name and port":              {"only.example:7460", nil, 200},
		"listen address":                     {"10.0.0.5:7460", nil, 200},
		"allowed IPv6 address, any port":     {"[fd00::1]:7460", nil, 200},
		"allowed IPv6 address, no port":      {"[fd00::1]", nil, 200},
		"allowed IPv6 address, written long": {"[FD00:0:0::0001]:81", nil, 200},
		"allowed IPv6 address and port":      {"[fd00::2]:7460", nil, 200},
		"localhost with a dot at its end":    {"localhost.:7460", nil, 200},
		"allowed name with a dot at its end": {"node.example.", nil, 200},
		"allowed name and port, with a dot":  {"only.example.:7460", nil, 200},
		"allowed with a dot, without here":   {"dotted.example:1", nil, 200},
		"allowed name with two dots":         {"node.example..", nil, 403},
		"only a dot":                         {".", nil, 403},
		"IPv6 address, wrong port":           {"[fd00::2]:7461", nil, 403},
		"IPv6 address, no port":              {"[fd00::2]", nil, 403},
		"another IPv6 address":               {"[fd00::3]:7460", nil, 403},
		"allowed name, wrong port":           {"only.example:7461", nil, 403},
		"listen address, wrong port":         {"10.0.0.5:7461", nil, 403},
		"a rebound name":                     {"evil.example", nil, 403},
		"a name that begins like loopback":   {"127.0.0.1.evil.example", nil, 403},
		"a name that begins like localhost":  {"localhost.evil.example:7460", nil, 403},
		"a name that ends like an allowed":   {"evil-node.example", nil, 403},
		"no address of ours":                 {"192.168.0.1", nil, 403},
		"loopback in an odd form":            {"2130706433", nil, 403},
		"loopback with a zone":               {"[::1%25lo]", nil, 403},
		"no host":                            {"", nil, 403},
		"an origin, although loopback":       {"127.0.0.1", []string{"http://evil.example"}, 403},
		"an origin that is null":             {"127.0.0.1", []string{"null"}, 403},
		"an origin that is empty":            {"127.0.0.1", []string{""}, 403},
		"an origin that is the node's own":   {"127.0.0.1", []string{"http://127.0.0.1"}, 403},
		"an origin, although an allowed one": {"node.example", []string{"http://node.example"}, 403},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := Guard(newDoor(newFake()), allowed)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/token/billing", nil)
			r.Host = tt.host
			if tt.origin != nil {
				r.Header["Origin"] = tt.origin
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			if rec.Code != tt.want {
				t.Fatalf("status %d, want %d", rec.Code, tt.want)
			}
			if tt.want == http.StatusForbidden {
				wantProblem(t, rec, CodeDenied)
			}
		})
	}
}

func TestGuardOverRealConnections(t *testing.T) {
	tests := map[string]struct {
		target, host string
		want         int
	}{
		"a path":                          {"/v1/token/billing", "localhost", 200},
		"a path, and a rebound name":      {"/v1/token/billing", "evil.example", 403},
		"another name behind a good one":  {"http://localhost/v1/token/billing", "evil.example", 403},
		"a good name behind another":      {"http://evil.example/v1/token/billing", "localhost", 403},
		"the same name twice":             {"http://localhost/v1/token/billing", "localhost", 403},
		"a target without a name":         {"http:///v1/token/billing", "localhost", 403},
		"a path that looks like a target": {"//localhost/v1/token/billing", "evil.example", 403},
	}
	l := listenTCPTest(t)
	serve(t, l, Guard(newDoor(newFake()), nil))
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resp, body := exchange(t, l, "GET "+tt.target+" HTTP/1.1\r\nHost: "+tt.host+"\r\n\r\n")
			if resp.StatusCode != tt.want || tt.want == http.StatusForbidden && !strings.Contains(body, `"code":"denied"`) {
				t.Errorf("status %d, want %d: %s", resp.StatusCode, tt.want, body)
			}
		})
	}
}
