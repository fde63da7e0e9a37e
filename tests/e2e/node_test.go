package e2e

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

// output is what a program says. It may be read while that runs.
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

// daemon is a program that runs until the test has ended.
type daemon struct {
	said  output
	stop  context.CancelFunc // tells it to end
	ended chan struct{}
}

// start starts a program, which gets the files as descriptors from 3 on. What it says is shown if the test fails.
func start(t *testing.T, file string, args, env []string, files ...*os.File) *daemon {
	t.Helper()
	return startAs(t, func(cmd *exec.Cmd) { cmd.ExtraFiles = files }, file, args, env)
}

// startAs starts a program that is made somebody else's first.
func startAs(t *testing.T, become func(cmd *exec.Cmd), file string, args, env []string) *daemon {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d, cmd := &daemon{stop: cancel, ended: make(chan struct{})}, exec.CommandContext(ctx, file, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &d.said, &d.said
	become(cmd)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		defer close(d.ended)
		_ = cmd.Wait() // how it ends is for those who wait for it to say
	}()
	t.Cleanup(func() {
		cancel()
		<-d.ended
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(file), d.said.String())
		}
	})
	return d
}

// until is the function of that name for what a program that has ended does not do.
func (d *daemon) until(t *testing.T, otherwise string, cond func() bool) {
	t.Helper()
	until(t, otherwise, func() bool {
		select {
		case <-d.ended:
			t.Fatal(otherwise + ": it has ended")
		default:
		}
		return cond()
	})
}

// node is a node and where it listens.
type node struct {
	*daemon
	dir, socket string
	client      http.Client
}

// serve starts a node with these services, and more of a configuration.
func serve(t *testing.T, idp *idp, services, more string) *node {
	t.Helper()
	n := &node{dir: place(t)}
	n.socket = filepath.Join(n.dir, "s")
	listen := ""
	if !strings.Contains(more, "listen:") {
		listen = "listen: [unix://" + n.socket + "]\n"
	}
	file := filepath.Join(n.dir, "tokend.yaml")
	write(t, file, listen+strings.ReplaceAll(more, "SOCKET", n.socket)+"services:\n"+strings.ReplaceAll(services, "DIR", n.dir))
	n.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", n.socket)
	}}
	n.daemon = start(t, tokend(t), []string{"serve", "--config", file}, []string{"IDP=" + idp.URL, "SECRET=" + secret})
	t.Cleanup(n.client.CloseIdleConnections)
	n.until(t, "the node does not answer", func() bool {
		text, err := n.get("/healthz")
		return err == nil && text == `{"status":"ok"}`
	})
	return n
}

func (n *node) get(path string) (string, error) {
	resp, err := n.client.Get("http://localhost" + path)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return strings.TrimSpace(string(text)), err
}

// env is for programs that run tokend to ask the node, by that name.
func (n *node) env(t *testing.T) []string {
	return []string{
		"TOKEND_ADDR=unix://" + n.socket,
		"PATH=" + filepath.Dir(tokend(t)) + ":" + os.Getenv("PATH"),
		"HOME=" + n.dir, "NO_PROXY=*", "no_proxy=*",
	}
}

// sh runs a line of bash with the node at hand.
func (n *node) sh(t *testing.T, line string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", line)
	cmd.Env, cmd.Dir = append(os.Environ(), n.env(t)...), n.dir
	said, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(said)), err
}

// must is sh for what does not fail.
func (n *node) must(t *testing.T, line string) string {
	t.Helper()
	said, err := n.sh(t, line)
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, said)
	}
	return said
}

// service is the configuration of one whose tokens live for so many seconds.
func service(name string, life int, more string) string {
	return fmt.Sprintf(`  %s:
    provider: client_credentials
    token_url: ${env:IDP}/token/%d
    client_id: %s
    client_secret: ${env:SECRET}
%s`, name, life, name, more)
}
