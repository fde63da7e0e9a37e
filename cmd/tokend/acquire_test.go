package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// acquireFrom checks a configuration of these services, whose token endpoint is
// at idp/NAME, one request at a time.
func acquireFrom(ctx context.Context, t *testing.T, idp http.Handler, services ...string) (code int, stdout, stderr string) {
	t.Helper()
	server := httptest.NewServer(idp)
	defer server.Close()
	var text strings.Builder
	text.WriteString("limits: {in_flight_per_host: 1}\ndefaults: {timeout: 3s}\nservices:\n")
	for _, name := range services {
		fmt.Fprintf(&text, "  %s: {provider: client_credentials, token_url: %s/%[1]s, client_id: a, client_secret: secret}\n", name, server.URL)
	}
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	p := program{stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}
	code = run(ctx, p, []string{"check", "--config", file, "--acquire"})
	return code, out.String(), errs.String()
}

func answerToken(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprint(w, `{"access_token":"token-acquired","token_type":"Bearer","expires_in":3600}`)
}

// linger returns when done is closed, after d, or when the caller is gone.
func linger(r *http.Request, d time.Duration, done <-chan struct{}) {
	_ = r.ParseForm() // only then the server notices that the caller is gone
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-done:
	case <-r.Context().Done():
	}
}

func TestAcquiringTakesAsLongAsAllHaveTheirTurn(t *testing.T) {
	t.Parallel()
	services := strings.Split("abcdefghijklmn", "")
	idp := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		linger(r, 300*time.Millisecond, nil) // together longer than one service may take
		answerToken(w)
	})
	code, stdout, stderr := acquireFrom(t.Context(), t, idp, services...)
	if code != exitOK || stderr != "" || strings.Contains(stdout, "token-acquired") {
		t.Errorf("code %d, %q, %q", code, stdout, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	for i, name := range services {
		if len(lines) != 1+len(services) || !strings.HasPrefix(lines[1+i], name+"        acquired  client_credentials  basic  http://127.0.0.1:") {
			t.Errorf("of %s: %q", name, lines)
		}
	}
}

func TestAServiceThatFailsIsTriedOnce(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	again := make(chan struct{})
	idp := http.NewServeMux()
	idp.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		if tries.Add(1) == 2 {
			close(again)
		}
		w.WriteHeader(http.StatusInternalServerError)
	})
	idp.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		linger(r, 700*time.Millisecond, again) // two of them take longer than the first back-off
		answerToken(w)
	})
	code, stdout, stderr := acquireFrom(t.Context(), t, idp, "broken", "one", "two")
	if code != exitFailed || tries.Load() != 1 || strings.Count(stdout, "  acquired  ") != 2 {
		t.Errorf("code %d, %d tries, %q", code, tries.Load(), stdout)
	}
	if !strings.HasPrefix(stderr, "tokend: unavailable: broken: ") || strings.Count(stderr, "\n") != 1 || strings.Contains(stderr, "attempt") {
		t.Errorf("stderr %q", stderr)
	}
}

func TestNothingIsAskedAfterASignal(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int64
	idp := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		cancel()
		linger(r, time.Minute, nil)
	})
	code, stdout, stderr := acquireFrom(ctx, t, idp, "a", "b", "c")
	if code != exitFailed || stdout != "" || asked.Load() != 1 || !strings.HasPrefix(stderr, "tokend: interrupted: ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("code %d after %d requests, %q, %q", code, asked.Load(), stdout, stderr)
	}
}

func TestACheckOfNoServices(t *testing.T) {
	code, stdout, stderr := acquireFrom(t.Context(), t, http.NotFoundHandler())
	if code != exitOK || !strings.HasSuffix(stdout, "c.yaml is valid, but has no services: nothing would be served\n") || stderr != "" {
		t.Errorf("code %d, %q, %q", code, stdout, stderr)
	}
}
