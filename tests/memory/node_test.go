//go:build linux

package memory

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
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
	"syscall"
	"testing"
	"time"

	"tokend/tests/fakes/program"
)

const (
	canary       = "cAnArY5token"
	clientSecret = "cAnArY5clientsecret"
	somebody     = 12345 // a user that is not root
)

// vaultKey is new in every run, so that no part of the program has it.
var vaultKey = func() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)
}()

func rawKey(t testing.TB) []byte {
	t.Helper()
	raw, err := hex.DecodeString(vaultKey)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// token returns the token of the service with that number.
func token(i int) string { return fmt.Sprintf("%s.%04d.%s", canary, i, strings.Repeat("t", 80)) }

// issue answers a client whose id is the service's name.
func issue(w http.ResponseWriter, r *http.Request) {
	var number int
	if id, _, _ := r.BasicAuth(); r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	} else if _, err := fmt.Sscanf(id, "s%d", &number); err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"access_token":"%s","token_type":"Bearer","expires_in":3600}`, token(number))
}

func TestMain(m *testing.M) { os.Exit(program.Run(m)) }

// node is a node in a process of its own.
type node struct {
	testing.TB
	dir    string
	cmd    *exec.Cmd
	log    bytes.Buffer // whole when logged
	logged sync.WaitGroup
	client *http.Client
}

// asSomebody runs the node as a user that is not root.
func asSomebody(n *node) {
	if os.Geteuid() != 0 {
		return
	}
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: somebody, Gid: somebody}}
	err := filepath.WalkDir(n.dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, somebody, somebody)
	})
	if err != nil {
		n.Fatal(err)
	}
}

// start returns a node whose services all have their token.
func start(t *testing.T, memory string, how ...func(*node)) *node {
	t.Helper()
	idp := httptest.NewServer(http.HandlerFunc(issue))
	t.Cleanup(idp.Close)
	dir, err := os.MkdirTemp("", "tokend") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	n := &node{TB: t, dir: dir}
	n.configure(memory, idp.URL)
	n.cmd = exec.CommandContext(t.Context(), program.File(t), "serve", "--config", filepath.Join(dir, "c.yaml"), "--log-level", "debug")
	for _, f := range how {
		f(n)
	}
	n.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "s"))
	}}}
	t.Cleanup(n.client.CloseIdleConnections)
	n.run()
	n.awaitTokens()
	return n
}

func (n *node) configure(memory, tokenURL string) {
	var text strings.Builder
	fmt.Fprintf(&text, "listen: [unix://%s/s]\nvault: {memory: %s, path: vault/tokens, keys: ['${file:key}']}\n", n.dir, memory)
	fmt.Fprintf(&text, "defaults: {eager: true}\nservices:\n")
	for i := range many {
		fmt.Fprintf(&text, "  s%04d: {provider: client_credentials, token_url: '%s', client_id: s%04d, client_secret: '${file:secret}'}\n", i, tokenURL, i)
	}
	for name, text := range map[string]string{"c.yaml": text.String(), "key": vaultKey, "secret": clientSecret} {
		if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o600); err != nil {
			n.Fatal(err)
		}
	}
}

// run starts the process and returns when it serves.
func (n *node) run() {
	n.Helper()
	stderr, err := n.cmd.StderrPipe()
	if err != nil {
		n.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		n.Fatal(err)
	}
	serving := make(chan bool, 1)
	n.logged.Go(func() {
		defer close(serving)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			n.log.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "msg=serving") {
				serving <- true
			}
		}
	})
	if !<-serving {
		n.logged.Wait()
		n.Fatalf("the node does not serve: %v\n%s", n.cmd.Wait(), &n.log)
	}
}

// awaitTokens returns when every service has its token. The time only bounds a test
// that fails.
func (n *node) awaitTokens() {
	n.Helper()
	tick, end := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for {
		var list struct {
			Services []struct {
				State string `json:"state"`
			} `json:"services"`
		}
		if err := json.Unmarshal(n.get("/v1/services"), &list); err != nil {
			n.Fatal(err)
		}
		fresh := 0
		for _, s := range list.Services {
			if s.State == "fresh" {
				fresh++
			}
		}
		if fresh == many {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			n.Fatalf("%d of %d services have a token", fresh, many)
		}
	}
}

func (n *node) proc(file string) string { return fmt.Sprintf("/proc/%d/%s", n.cmd.Process.Pid, file) }

// image returns all of the process's memory that can be read.
func (n *node) image() []byte {
	n.Helper()
	maps, err := os.ReadFile(n.proc("maps"))
	if err != nil {
		n.Fatal(err)
	}
	mem, err := os.Open(n.proc("mem"))
	if err != nil {
		n.Fatal(err)
	}
	defer func() { _ = mem.Close() }()
	var image bytes.Buffer
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || mode[0] != 'r' {
			continue
		}
		_, _ = io.Copy(&image, io.NewSectionReader(mem, from, to-from)) // some of the kernel's cannot be read
	}
	return image.Bytes()
}

// stop ends the process.
func (n *node) stop() {
	n.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		n.Fatal(err)
	}
	n.logged.Wait()
	if err := n.cmd.Wait(); err != nil {
		n.Errorf("%v\n%s", err, &n.log)
	}
}
