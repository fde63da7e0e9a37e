//go:build unix

// Package process holds the tests of what the surroundings of a node do to its process:
// who reads its lines, how many files it may open, which signals it gets. Each runs the
// program.
package process

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

	"tokend/tests/fakes/program"
)

func TestMain(m *testing.M) { os.Exit(program.Run(m)) }

// patience is for what must happen, on however busy a machine.
const patience = time.Minute

// node is a process that a test has started.
type node struct {
	*testing.T
	dir    string
	cmd    *exec.Cmd
	ended  chan struct{}
	status error // once it has ended
}

// newNode returns a node that has a configuration and does not run yet. SOCK in the
// configuration is the path of its socket, and DIR its directory.
func newNode(t *testing.T, yaml string) *node {
	t.Helper()
	dir, err := os.MkdirTemp("", "p") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	n := &node{T: t, dir: dir, ended: make(chan struct{})}
	n.configure(yaml)
	return n
}

// configure writes the configuration.
func (n *node) configure(yaml string) {
	n.Helper()
	text := strings.NewReplacer("SOCK", n.dir+"/s", "DIR", n.dir).Replace(yaml)
	if err := os.WriteFile(n.dir+"/c.yaml", []byte(text), 0o600); err != nil {
		n.Fatal(err)
	}
}

// start runs the node behind a line of a shell, such as "ulimit -n 64", with these for
// stdout and stderr; nil: nowhere.
func (n *node) start(before string, stdout, stderr *os.File, args ...string) {
	n.Helper()
	if len(args) == 0 {
		args = []string{"serve", "--config", n.dir + "/c.yaml"}
	}
	line := append([]string{"-c", before + "\nexec \"$@\"", "sh", program.File(n)}, args...)
	n.cmd = exec.CommandContext(context.WithoutCancel(n.Context()), "/bin/sh", line...)
	if stdout != nil {
		n.cmd.Stdout = stdout
	}
	if stderr != nil {
		n.cmd.Stderr = stderr
	}
	if err := n.cmd.Start(); err != nil {
		n.Fatal(err)
	}
	go func() {
		n.status = n.cmd.Wait()
		close(n.ended)
	}()
	n.Cleanup(func() {
		_ = n.cmd.Process.Kill() // it may have ended
		<-n.ended
	})
}

// signal sends the node a signal.
func (n *node) signal(s syscall.Signal) {
	n.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.Fatal(err)
	}
}

// stops tells the node to stop and wants it to do so within the bound, and well.
func (n *node) stops(within time.Duration) {
	n.Helper()
	begun := time.Now()
	n.signal(syscall.SIGTERM)
	n.ends(within)
	n.Logf("it stopped within %v", time.Since(begun))
}

// ends wants the node to end well within the bound.
func (n *node) ends(within time.Duration) {
	n.Helper()
	select {
	case <-n.ended:
	case <-time.After(within):
		_ = n.cmd.Process.Signal(syscall.SIGQUIT)
		n.Fatalf("it has not ended within %v", within)
	}
	if n.status != nil {
		n.Errorf("it ended with %v", n.status)
	}
}

// lives wants the node to run still.
func (n *node) lives() {
	n.Helper()
	select {
	case <-n.ended:
		n.Fatalf("it has ended: %v", n.status)
	default:
	}
}

// client returns a client of the node's socket that keeps no connection.
func (n *node) client() *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", n.dir+"/s")
	}
	return &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}

// get asks the node for what is at the path, once.
func (n *node) get(path string) (status int, body string, err error) {
	return ask(n.Context(), n.client(), http.MethodGet, "http://localhost"+path)
}

func ask(ctx context.Context, c *http.Client, method, url string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var text bytes.Buffer
	_, err = text.ReadFrom(resp.Body)
	return resp.StatusCode, text.String(), err
}

// serves waits until the node answers with a token.
func (n *node) serves(service string) {
	n.Helper()
	var (
		status int
		body   string
		err    error
	)
	defer func() {
		if status != http.StatusOK {
			n.Logf("%s: status %d, %v, %s", service, status, err, body)
		}
	}()
	n.eventually("it serves "+service, func() bool {
		status, body, err = n.get("/v1/token/" + service)
		return err == nil && status == http.StatusOK
	})
}

// eventually waits until something holds.
func (n *node) eventually(what string, holds func() bool) {
	n.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			n.Fatalf("it never came to this: %s", what)
		}
		n.lives()
	}
}

// metric returns the value of a metric without labels.
func (n *node) metric(name string) (value float64) {
	n.Helper()
	_, body, err := n.get("/metrics")
	if err != nil {
		n.Fatal(err)
	}
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			_, _ = fmt.Sscan(rest, &value)
			return value
		}
	}
	n.Fatalf("there is no %s", name)
	return 0
}

// pipe returns both ends of a pipe. The test's own copy of the writing end is to be
// closed once the node has another.
func pipe(t *testing.T) (reads, writes *os.File) {
	t.Helper()
	reads, writes, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = reads.Close(), writes.Close() })
	return reads, writes
}

// fill writes to the pipe until it is full.
func fill(t *testing.T, writes *os.File) {
	t.Helper()
	raw, err := writes.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	full := []byte(strings.Repeat("x", 1023) + "\n")
	err = raw.Control(func(fd uintptr) {
		for len(full) > 0 {
			switch n, err := syscall.Write(int(fd), full); {
			case n > 0:
			case errors.Is(err, syscall.EAGAIN):
				full = full[:len(full)/2]
			default:
				t.Errorf("%d, %v", n, err)
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// said collects lines of JSON.
type said struct {
	mu    sync.Mutex
	lines []map[string]any
	other []string // that are no JSON
	ended chan struct{}
}

// listen reads lines until there are no more.
func listen(reads *os.File) *said {
	s := &said{ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		lines := bufio.NewScanner(reads)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			s.take(lines.Bytes())
		}
	}()
	return s
}

func (s *said) take(text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var line map[string]any
	if err := json.Unmarshal(text, &line); err != nil {
		s.other = append(s.other, string(text))
		return
	}
	s.lines = append(s.lines, line)
}

// find returns the lines in which the key has a value that begins so.
func (s *said) find(key, begins string) (found []map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		if text, _ := line[key].(string); strings.HasPrefix(text, begins) {
			found = append(found, line)
		}
	}
	return found
}

// file is the path of a file of the node.
func (n *node) file(name string) string { return filepath.Join(n.dir, name) }
