package httpapi

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzDoor sends whatever net/http takes for a request. The door never panics,
// everything under /v1 is JSON that no cache keeps, and the token's value is in a
// 200 answer of the token routes only.
func FuzzDoor(f *testing.F) {
	f.Add("GET", "/v1/token/billing?min_ttl=1s&wait=1s", "", "localhost")
	f.Add("HEAD", "/v1/token/nope", "", "127.0.0.1:7460")
	f.Add("POST", "/v1/tokens", `{"services":["billing","nope"],"min_ttl":"30s"}`, "[::1]:1")
	f.Add("GET", "/v1/services/billing", "", "evil.example")
	f.Add("GET", "/v1/../v1/token/x%2f..%2fbilling", "", "localhost")
	f.Add("GET", "/readyz?x=1", "", "localhost")
	f.Add("OPTIONS", "*", "", "localhost")
	f.Fuzz(func(t *testing.T, method, target, body, host string) {
		r, ok := request(method, target, body, host)
		if !ok {
			return
		}
		panicked := ""
		h := New(newFake(), Options{Report: func(text string) { panicked = text }})
		rec := httptest.NewRecorder()
		Guard(h, nil).ServeHTTP(rec, r)
		if panicked != "" {
			t.Fatal(panicked)
		}
		checkAnswer(t, r, rec)
	})
}

func request(method, target, body, host string) (*http.Request, bool) {
	raw := method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		return nil, false
	}
	r.Body = io.NopCloser(strings.NewReader(body))
	return r, true
}

func checkAnswer(t *testing.T, r *http.Request, rec *httptest.ResponseRecorder) {
	t.Helper()
	if !json.Valid(rec.Body.Bytes()) || !strings.Contains(rec.Header().Get("Content-Type"), "json") {
		t.Errorf("%s %s: not JSON: %q", r.Method, r.URL, rec.Body)
	}
	if strings.HasPrefix(r.URL.Path, "/v1") && rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s may be stored", r.Method, r.URL)
	}
	given := rec.Code == http.StatusOK && (strings.HasPrefix(r.URL.Path, tokenPrefix) || r.URL.Path == "/v1/tokens")
	if !given && strings.Contains(rec.Body.String(), secretValue) {
		t.Errorf("%s %s: the token shows in %q", r.Method, r.URL, rec.Body)
	}
}
