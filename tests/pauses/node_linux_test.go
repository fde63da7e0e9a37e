package pauses

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output is what a node says. It may be read while that runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(text)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// node is a node that runs until the test ends.
type node struct {
	*testing.T
	said    output
	process *os.Process
	client  http.Client
}

// start starts a node with these services, by means of a prefix of its command line.
// In the services, DIR is where what belongs to them lies.
func start(t *testing.T, p *idp, services string, prefix ...string) *node {
	t.Helper()
	dir, err := os.MkdirTemp("", "pause") // sockets want short paths
	if err != nil {
		t.Fatal(err)
	}
	n := &node{T: t}
	socket, file := filepath.Join(dir, "s"), filepath.Join(dir, "tokend.yaml")
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("ca.pem", p.ca)
	put("tokend.yaml", "listen: [unix://"+socket+"]\nservices:\n"+strings.ReplaceAll(services, "DIR", dir))
	n.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	args := append(prefix, tokend(t), "serve", "--config", file, "--log-level", "debug")
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &n.said, &n.said
	cmd.Env = append(os.Environ(), "NO_PROXY=*", "no_proxy=*")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.process = cmd.Process
	t.Cleanup(func() {
		n.client.CloseIdleConnections()
		n.signal(syscall.SIGCONT)
		n.signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
		if t.Failed() {
			t.Logf("the node said:\n%s", n.said.String())
		}
	})
	n.until("the node does not answer", func() bool { return n.ask(t.Context(), http.MethodGet, "/healthz") == nil })
	return n
}

func (n *node) signal(s syscall.Signal) { _ = n.process.Signal(s) }

// stop stops the node for a time, and returns when it has stopped.
func (n *node) stop(pause time.Duration) {
	n.signal(syscall.SIGSTOP)
	n.until("the node does not stop", func() bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.process.Pid))
		_, state, _ := strings.Cut(string(text), ") ")
		return strings.HasPrefix(state, "T")
	})
	time.AfterFunc(pause, func() { n.signal(syscall.SIGCONT) })
}

// ask returns nil if the answer is 200.
func (n *node) ask(ctx context.Context, method, path string) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		return &refused{resp.StatusCode, string(text)}
	}
	return err
}

// refused is an answer other than 200.
type refused struct {
	status int
	text   string
}

func (r *refused) Error() string { return fmt.Sprintf("%d %s", r.status, r.text) }

func (n *node) token(service string) error {
	return n.ask(n.Context(), http.MethodGet, "/v1/token/"+service)
}

func (n *node) refresh(service string) error {
	return n.ask(n.Context(), http.MethodPost, "/v1/services/"+service+"/refresh")
}

// until tries again until cond holds.
func (n *node) until(otherwise string, cond func() bool) {
	n.Helper()
	tick, end := time.NewTicker(20*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-end:
			n.Errorf("%s", otherwise)
			return
		}
	}
}

// loginAt is the configuration of a login at the endpoint.
func loginAt(p *idp, service string) string {
	return fmt.Sprintf(`  %s:
    provider: refresh_token
    token_url: https://%s/token
    client_id: %s
    client_auth: none
    refresh_token: %s
    tls: {ca_file: DIR/ca.pem}
`, service, p.address, service, p.logIn(service))
}

// clientAt is the configuration of a client of the endpoint.
func clientAt(p *idp, service string) string {
	return fmt.Sprintf(`  %s:
    provider: client_credentials
    token_url: https://%s/token
    client_id: %s
    client_secret: x
    client_auth: post
    tls: {ca_file: DIR/ca.pem}
`, service, p.address, service)
}
