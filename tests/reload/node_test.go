// Package reload changes the configuration of running nodes, each a process of its
// own, and looks at what that does to those who use them.
package reload

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tokend/tests/fakes/program"
)

func TestMain(m *testing.M) { os.Exit(program.Run(m)) }

// patience only bounds a test that fails.
const patience = time.Minute

// node is a node that runs until the test ends.
type node struct {
	*testing.T
	dir     string // where its sockets are; their paths must be short
	file    string // its configuration
	process *os.Process
	said    chan entry
	began   []entry // what the log said until it served
}

// entry is a line of the node's log.
type entry struct {
	Level, Msg, By, Address string
	Added, Removed, Changed int
}

// start starts a node at dir/s with what file, by its path in dir, holds.
func start(t *testing.T, dir, file string) *node {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there are neither Unix sockets nor SIGHUP")
	}
	n := &node{T: t, dir: dir, file: filepath.Join(dir, file), said: make(chan entry, 1<<14)}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program.File(t), "serve", "--config", n.file, "--log-format", "json")
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	n.process = cmd.Process
	var reading sync.WaitGroup
	reading.Go(func() { n.listen(stderr) })
	t.Cleanup(func() {
		_ = n.process.Signal(syscall.SIGTERM)
		reading.Wait()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the node ended with %v", err)
		}
	})
	n.began = n.await("serving")
	return n
}

func (n *node) listen(stderr io.Reader) {
	defer close(n.said)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			n.Errorf("the node says %s", lines.Text())
			continue
		}
		select {
		case n.said <- e:
		default:
		}
	}
}

// await waits until the log says one of the texts, and returns all that it said until
// then.
func (n *node) await(texts ...string) (until []entry) {
	n.Helper()
	end := time.After(patience)
	for {
		select {
		case e, more := <-n.said:
			if !more {
				n.Fatalf("the node ended without having said %q, after %+v", texts, until)
			}
			if until = append(until, e); slices.Contains(texts, e.Msg) {
				return until
			}
		case <-end:
			n.Fatalf("the node did not say %q, but %+v", texts, until)
		}
	}
}

// write makes text the configuration, all at once.
func (n *node) write(text string) {
	n.Helper()
	put(n.T, n.file+".next", text)
	if err := os.Rename(n.file+".next", n.file); err != nil {
		n.Fatal(err)
	}
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// place returns a directory with a short path.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// through returns a client that connects to the socket, whatever the URL.
func through(socket string) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		MaxIdleConnsPerHost: 100,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
}

func (n *node) socket() string { return filepath.Join(n.dir, "s") }

// ask asks the node once, on a connection of its own.
func (n *node) ask(method, target string) (status int, body string) {
	n.Helper()
	client := through(n.socket())
	defer client.CloseIdleConnections()
	status, body, err := request(client, method, target)
	if err != nil {
		n.Fatal(err)
	}
	return status, body
}

func request(client *http.Client, method, target string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(context.Background(), method, "http://localhost"+target, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), errors.Join(err, resp.Body.Close())
}

// idp hands out tokens and counts them by client.
type idp struct {
	*httptest.Server
	mu     sync.Mutex
	counts map[string]int
}

func newIdP(t *testing.T) *idp {
	i := &idp{counts: map[string]int{}}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, _, _ := r.BasicAuth()
		i.mu.Lock()
		i.counts[client]++
		count := i.counts[client]
		i.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"%s-%d","token_type":"Bearer","expires_in":3600}`, client, count)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *idp) count(client string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.counts[client]
}

// service is one of a configuration, with that client id.
func (i *idp) service(name, client string) string {
	return fmt.Sprintf("  %s: {provider: client_credentials, token_url: %q, client_id: %s, client_secret: pass}\n", name, i.URL, client)
}

func static(services ...string) string {
	var b strings.Builder
	for _, s := range services {
		_, _ = fmt.Fprintf(&b, "  %s: {provider: static, token: t-%s}\n", s, s)
	}
	return b.String()
}
