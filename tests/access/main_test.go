// Package access holds the tests of access control, against a node of its own
// process: who gets what, and that nobody gets more.
package access

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"tokend/system/access"
	"tokend/tests/fakes/program"
)

// asking is set for a process that asks the node as another user.
const asking = "TOKEND_TEST_ASK"

func TestMain(m *testing.M) {
	if socket := os.Getenv(asking); socket != "" {
		askAndExit(socket)
	}
	os.Exit(program.Run(m))
}

// node is a node that runs until the test ends.
type node struct {
	dir       string
	addresses []string // in the order of the listeners, as the log says them
	keys      map[string]string
	pki       *pki
	process   int
	stdout    *os.File // nil: nowhere
	read      int      // lines of the audit so far
	stop      context.CancelFunc

	told    []access.Record // refusals that have a line of their own
	counted uint64          // refusals that have none
}

const (
	local  = iota // a loopback port
	secure        // one with TLS
	open          // one where anybody may know of billing
	socket        // a Unix socket that all may open
)

// services and their tokens.
var services = []string{"billing", "erp", "crm"}

func token(service string) string { return "t0ken-of-" + service }

// The users who have grants, as processes of the machine, and one who has none.
const (
	userOfBilling = 65001
	userOfERP     = 65002
	userOfNothing = 65003
)

const configuration = `
listen:
  - tcp://127.0.0.1:0
  - {address: "tcp://127.0.0.1:0", name: secure, tls: {cert_file: server.pem, key_file: server.key, client_ca_file: ca.pem}}
  - {address: "tcp://127.0.0.1:0", name: open}
  - {address: "unix://DIR/s", name: socket, mode: "0666"}
log: {format: json}
audit: {path: audit}
LIMITS
clients:
  - {name: user-billing, uid: 65001, grants: [{services: [billing], verbs: [get]}]}
  - {name: user-erp, uid: 65002, grants: [{services: ["er*"], verbs: [get, info]}]}
  - {name: key-billing, key_hash: KEY1, grants: [{services: [billing], verbs: [get]}]}
  - {name: key-crm, key_hash: KEY2, grants: [{services: ["c?m"], verbs: [admin]}]}
  - {name: cert-billing, san: "dns:app.example", grants: [{services: [billing], verbs: [get]}]}
  - {name: cert-erp, san: "spiffe://td/erp", grants: [{services: [erp], verbs: [get]}]}
  - {name: cert-crm, san: "subject:CN=crm,O=Acme", grants: [{services: [crm], verbs: [info]}]}
  - {name: anybody, listener: open, grants: [{services: [billing], verbs: [info]}]}
services:
  billing: {provider: static, token: t0ken-of-billing}
  erp: {provider: static, token: t0ken-of-erp}
  crm: {provider: static, token: t0ken-of-crm}
`

func start(t *testing.T, limits string) *node {
	t.Helper()
	n := prepare(t)
	n.run(t, n.configured(limits))
	return n
}

// prepare returns a node that does not run yet.
func prepare(t *testing.T) *node {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there are no Unix sockets on Windows")
	}
	dir, err := os.MkdirTemp("", "access") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // other users come to the socket
		t.Fatal(err)
	}
	return &node{dir: dir, keys: map[string]string{}, pki: newPKI(t, dir)}
}

// configured returns the configuration, with new keys.
func (n *node) configured(limits string) string {
	text := strings.NewReplacer("DIR", n.dir, "LIMITS", limits).Replace(configuration)
	for i, name := range []string{"billing", "crm"} {
		secret, hash := access.NewKey()
		n.keys[name] = secret.Reveal()
		text = strings.Replace(text, fmt.Sprintf("KEY%d", i+1), hash, 1)
	}
	return text
}

// file writes a configuration, and returns where it is.
func (n *node) file(t *testing.T, config string) string {
	t.Helper()
	file := filepath.Join(n.dir, "tokend.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (n *node) run(t *testing.T, config string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	n.stop = stop
	cmd := exec.CommandContext(ctx, program.File(t), "serve", "--config", n.file(t, config))
	if n.stdout != nil {
		cmd.Stdout = n.stdout
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.process = cmd.Process.Pid
	lines := bufio.NewScanner(log)
	for len(n.addresses) < 4 && lines.Scan() {
		var entry struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "serving" {
			_, address, _ := strings.Cut(entry.Address, "://")
			n.addresses = append(n.addresses, address)
		}
	}
	rest := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(log)
		rest <- string(text)
	}()
	t.Cleanup(func() { n.checkEnd(t, cmd, <-rest) })
	if len(n.addresses) < 4 {
		t.Fatal("the node does not serve")
	}
}

// checkEnd looks at how the node ended, and that neither log nor audit ever held a
// secret. The test's context has ended the node.
func (n *node) checkEnd(t *testing.T, cmd *exec.Cmd, log string) {
	if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("the node ended with %v", err)
	}
	audit, err := os.ReadFile(filepath.Join(n.dir, "audit"))
	if err != nil && n.stdout == nil {
		t.Error(err)
	}
	for _, text := range []string{log, string(audit)} {
		if strings.Contains(text, "t0ken") || strings.Contains(text, "tkd_") || strings.Contains(text, "panic") {
			t.Errorf("a secret, or a panic, shows in\n%s", text)
		}
	}
}

// audited waits for the lines that the audit has got since it was asked last, count
// of them at least.
func (n *node) audited(t *testing.T, count int) []access.Record {
	t.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(filepath.Join(n.dir, "audit"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(string(text), "\n")
		if fresh := lines[n.read : len(lines)-1]; len(fresh) >= count {
			n.read += len(fresh)
			return parse(t, fresh)
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("the audit says nothing")
		}
	}
}

func parse(t *testing.T, lines []string) []access.Record {
	t.Helper()
	records := make([]access.Record, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal([]byte(line), &records[i]); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
	}
	return records
}
