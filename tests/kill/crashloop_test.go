package kill

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tokend/tests/fakes/program"
)

// loopsEnv is set where every period of crash loops is run, and for longer.
const loopsEnv = "TOKEND_CRASH_LOOPS"

// A node that is killed again and again, a short time after each start, neither locks an
// account nor asks for a token that it had.
func TestP11ACrashLoopSpendsNoLogins(t *testing.T) {
	periods, lives := []time.Duration{300 * time.Millisecond, time.Second}, 6
	if os.Getenv(loopsEnv) != "" {
		periods = []time.Duration{
			100 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
		}
		lives = 20
	}
	for _, period := range periods {
		t.Run(period.String(), func(t *testing.T) {
			l := newLoop(t)
			for range lives {
				l.live(period)
			}
			l.judge()
		})
	}
}

// loop is what one node after the other lives with.
type loop struct {
	*testing.T
	dir string

	mu    sync.Mutex
	asked map[string]int // requests by path
}

func newLoop(t *testing.T) *loop {
	t.Helper()
	l := &loop{T: t, dir: t.TempDir(), asked: map[string]int{}}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	text := fmt.Sprintf(strings.ReplaceAll(loopConfig, "IDP", server.URL), key)
	if err := os.WriteFile(filepath.Join(l.dir, "tokend.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

const loopConfig = `
listen: [unix:///run/tokend-crash-loop.sock] # --listen says otherwise
vault: {path: vault/tokens, keys: [%s]}
defaults: {eager: true}
services:
  login: {provider: login, request: {url: IDP/login, json: {user: u, password: wrong-pass}}, response: {token: data.token, rejected: code == 1001, error: msg}, default_ttl: 1h}
  password: {provider: password, token_url: IDP/password, client_id: c, client_auth: none, username: u, password: wrong-pass}
  client: {provider: client_credentials, token_url: IDP/client, client_id: c, client_secret: wrong-secret}
  slow: {provider: login, request: {url: IDP/slow, json: {user: u, password: any-pass}}, response: {token: data.token}, default_ttl: 1h}
  fallen: {provider: refresh_token, token_url: IDP/dead, client_id: c, client_auth: none, refresh_token: spent-token, fallback: {provider: password, token_url: IDP/fallen, client_id: c, client_auth: none, username: u, password: wrong-pass}}
  stood: {provider: refresh_token, token_url: IDP/lost, client_id: c, client_auth: none, refresh_token: gone-token, fallback: {provider: client_credentials, token_url: IDP/stands, client_id: c, client_secret: right-secret}}
  good: {provider: client_credentials, token_url: IDP/good, client_id: c, client_secret: right-secret}
  session: {provider: login, request: {url: IDP/session, json: {user: u, password: right-pass}}, response: {token: data.token}, default_ttl: 1h}
`

// ServeHTTP answers as the last part of the path says.
func (l *loop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.asked[r.URL.Path]++
	l.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/slow": // no node lives to see the answer
		_, _ = io.Copy(io.Discard, r.Body) // else no one sees that the caller is gone
		<-r.Context().Done()
	case "/login":
		_, _ = fmt.Fprint(w, `{"code":1001,"msg":"wrong password"}`)
	case "/password", "/dead", "/lost", "/fallen":
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `{"error":"invalid_grant"}`)
	case "/client":
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"error":"invalid_client"}`)
	case "/session":
		_, _ = fmt.Fprint(w, `{"data":{"token":"session-token"}}`)
	default:
		_, _ = fmt.Fprint(w, `{"access_token":"good-token","expires_in":3600}`)
	}
}

// live is one node, until it is killed.
func (l *loop) live(period time.Duration) {
	l.Helper()
	config := filepath.Join(l.dir, "tokend.yaml")
	cmd := exec.CommandContext(l.Context(), program.File(l.T), "serve", "--config", config, "--listen", "unix://"+filepath.Join(l.dir, "s"))
	if err := cmd.Start(); err != nil {
		l.Fatal(err)
	}
	over, done := context.WithTimeout(l.Context(), period)
	defer done()
	var calling sync.WaitGroup
	for _, service := range []string{"login", "password", "client", "slow", "fallen", "stood", "good", "session"} {
		calling.Go(func() { l.call(over, service) })
	}
	<-over.Done()
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	calling.Wait()
}

// call asks the node for a token again and again, as callers do that want one.
func (l *loop) call(ctx context.Context, service string) {
	door := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(l.dir, "s"))
	}}}
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/v1/token/"+service, nil)
		if err != nil {
			l.Error(err)
			return
		}
		if res, err := door.Do(req); err == nil {
			_ = res.Body.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// most returns how often may be asked: once, and again for one node that was killed at
// the very moment between an answer and the file; and a client's pause of 30 s may end.
func most(path string) int {
	if path == "/client" {
		return 3
	}
	return 2
}

func (l *loop) judge() {
	l.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Logf("requests: %v", l.asked)
	total := 0
	for path, n := range l.asked {
		if total += n; n > most(path) {
			l.Errorf("%d requests for %s", n, path)
		}
	}
	if total == 0 {
		l.Error("no node came so far as to ask: nothing was tested")
	}
}
