//go:build unix

package process

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tokend/tests/fakes/program"
)

// chatty is a node whose log has lines about many things: tokens that live for a second,
// and requests that are refused.
const chatty = `
listen: ["unix://SOCK"]
log: {format: json, level: debug}
vault: {path: DIR/vault, keys: [QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=]}
services:
  a: {provider: static, token: abc}
  b: {provider: exec, command: [/bin/sh, -c, "echo '{\"access_token\": \"def'$$'\", \"expires_in\": 2}'"], eager: true}
`

// busied gives the node something to say, much more than a pipe holds.
func (n *node) busied() {
	n.Helper()
	for i := range 60 {
		n.configure(strings.Replace(chatty, "services:", fmt.Sprintf("services:\n  extra%d: {provider: static, token: abc}", i), 1))
		status, body, err := ask(n.Context(), n.client(), http.MethodPost, "http://localhost/v1/reload")
		if err != nil || status != http.StatusOK {
			n.Fatalf("reload: %d, %v, %s", status, err, body)
		}
	}
}

// wrong makes the configuration one that is refused with very many lines.
func (n *node) wrong(mistakes int) {
	n.Helper()
	var text strings.Builder
	text.WriteString("listen: [\"unix://SOCK\"]\nlog: {format: json, level: debug}\nservices:\n")
	for i := range mistakes {
		_, _ = fmt.Fprintf(&text, "  s%d: {provider: static, token: abc, %s: 1}\n", i, strings.Repeat("x", 60))
	}
	n.configure(text.String())
}

// TestP9ALogThatIsNotReadBlocksNothing has the log's reader stop before the node starts,
// and the log come to a multiple of what a pipe and the node hold.
func TestP9ALogThatIsNotReadBlocksNothing(t *testing.T) {
	n := newNode(t, chatty)
	reads, writes := pipe(t)
	fill(t, writes)
	n.start("", nil, writes)
	_ = writes.Close()
	n.serves("a")
	n.serves("b")
	n.wrong(6000)
	status, _, err := ask(n.Context(), n.client(), http.MethodPost, "http://localhost/v1/reload")
	if err != nil || status != http.StatusBadRequest {
		t.Errorf("a wrong configuration: status %d, %v", status, err)
	}
	n.configure(chatty)
	begun := time.Now()
	status, _, err = ask(n.Context(), n.client(), http.MethodPost, "http://localhost/v1/reload")
	if err != nil || status != http.StatusOK {
		t.Errorf("reload: status %d, %v after %v", status, err, time.Since(begun))
	}
	n.serves("b")
	dropped := n.metric("tokend_log_lines_dropped_total")
	if dropped == 0 {
		t.Error("no line was dropped")
	}

	heard := listen(reads) // the reader goes on
	n.eventually("it tells of the lines", func() bool { return len(heard.find("msg", "lines of the log are lost")) > 0 })
	told := heard.find("msg", "lines of the log are lost")
	if len(told) != 1 || told[0]["dropped"] != dropped || told[0]["level"] != "warning" {
		t.Errorf("it tells %v, and has dropped %v", told, dropped)
	}
	n.stops(10 * time.Second)
	<-heard.ended
	if len(heard.find("msg", "stopped")) != 1 {
		t.Error("the last line is missing")
	}
}

// TestP9ANodeWhoseLogIsNotReadStops has it stop and reload by signals.
func TestP9ANodeWhoseLogIsNotReadStops(t *testing.T) {
	n := newNode(t, chatty)
	_, writes := pipe(t)
	fill(t, writes)
	n.start("", nil, writes)
	_ = writes.Close()
	n.serves("a")
	n.wrong(6000)
	n.signal(syscall.SIGHUP)
	n.eventually("it has looked", func() bool { return n.metric("tokend_config_reload_successful") == 0 })
	n.configure(strings.Replace(chatty, "  a:", "  more: {provider: static, token: abc}\n  a:", 1))
	n.signal(syscall.SIGHUP)
	n.serves("more")
	n.stops(10 * time.Second)
	if out, err := exec.CommandContext(t.Context(), program.File(t), "vault", "verify", "--config", n.file("c.yaml")).CombinedOutput(); err != nil {
		t.Errorf("the vault was not closed well: %v, %s", err, out)
	}
}

// ends are what may become of stdout and stderr, as a shell sets them up.
var ends = map[string]struct {
	before string
	stderr func(t *testing.T) (has, ends *os.File) // what the node has, and what is closed when it serves
}{
	"closed before the start": {before: "exec >&- 2>&-"},
	"a pipe whose reader goes": {stderr: func(t *testing.T) (*os.File, *os.File) {
		reads, writes := pipe(t)
		return writes, reads
	}},
	"a socket whose other end goes": {stderr: func(t *testing.T) (*os.File, *os.File) {
		pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		return os.NewFile(uintptr(pair[0]), "a"), os.NewFile(uintptr(pair[1]), "b")
	}},
	"a full device":           {before: "exec 2>/dev/full"},
	"a reader that is killed": {before: "exec 2>DIR/fifo"},
}

// readsFIFO has a program read what the node writes to a named pipe, and returns what
// kills it.
func (n *node) readsFIFO() (kill func()) {
	n.Helper()
	if err := syscall.Mkfifo(n.file("fifo"), 0o600); err != nil {
		n.Fatal(err)
	}
	cat := exec.CommandContext(context.WithoutCancel(n.Context()), "cat", n.file("fifo"))
	if err := cat.Start(); err != nil {
		n.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = cat.Process.Kill()
		_ = cat.Wait()
	})
	n.Cleanup(kill)
	return kill
}

// TestP9ANodeOutlivesWhoReadsItsLines has stderr end while the node runs. It goes on, and
// stops as it should.
func TestP9ANodeOutlivesWhoReadsItsLines(t *testing.T) {
	for name, tt := range ends {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, chatty)
			var stderr, other *os.File
			kill := func() {}
			if tt.stderr != nil {
				stderr, other = tt.stderr(t)
			}
			if strings.Contains(tt.before, "fifo") {
				kill = n.readsFIFO()
			}
			n.start(strings.ReplaceAll(tt.before, "DIR", n.dir), stderr, stderr)
			if stderr != nil {
				_ = stderr.Close()
			}
			n.serves("a")
			if other != nil {
				_ = other.Close()
			}
			kill()
			n.busied()
			n.serves("b")
			n.stops(10 * time.Second)
		})
	}
}

// TestLinesOfAHealthyLogAreAllThere reads the log of a node that says much and ends.
func TestLinesOfAHealthyLogAreAllThere(t *testing.T) {
	n := newNode(t, chatty)
	reads, writes := pipe(t)
	heard := listen(reads)
	n.start("", nil, writes)
	_ = writes.Close()
	n.serves("a")
	const mistakes = 3000
	n.wrong(mistakes)
	if status, _, err := ask(n.Context(), n.client(), http.MethodPost, "http://localhost/v1/reload"); err != nil || status != http.StatusBadRequest {
		t.Errorf("status %d, %v", status, err)
	}
	n.stops(10 * time.Second)
	<-heard.ended
	lines := heard.find("msg", "services.s")
	if len(lines) != mistakes || len(heard.find("msg", "stopped")) != 1 || len(heard.other) > 0 {
		t.Errorf("%d lines, and %q", len(lines), heard.other)
	}
}

// TestACrashShows has a node run out of memory that it may have: what Go says of that
// goes to stderr past the log.
func TestACrashShows(t *testing.T) {
	n := newNode(t, chatty)
	reads, writes := pipe(t)
	n.start("", nil, writes)
	_ = writes.Close()
	n.serves("a")
	n.signal(syscall.SIGQUIT)
	text, err := io.ReadAll(reads)
	if err != nil || !strings.Contains(string(text), "SIGQUIT: quit") || !strings.Contains(string(text), "goroutine ") {
		t.Errorf("%v, %s", err, text)
	}
	<-n.ended
}

// TestTheReaderOfEventsCannotHoldDev has what dev prints not be read.
func TestTheReaderOfEventsCannotHoldDev(t *testing.T) {
	n := newNode(t, "")
	_, writes := pipe(t)
	fill(t, writes)
	n.start("", writes, writes, "dev", "--listen", "unix://"+n.dir+"/s")
	_ = writes.Close()
	n.serves("billing")
	n.stops(10 * time.Second)
}

func TestDevEndsWithItsTerminal(t *testing.T) {
	n := newNode(t, "")
	n.start("", nil, nil, "dev", "--listen", "unix://"+n.dir+"/s")
	n.serves("billing")
	n.signal(syscall.SIGHUP)
	n.signal(syscall.SIGHUP) // the shell's, and the kernel's
	n.ends(10 * time.Second)
}

func TestDevOutlivesItsTerminalUnderNohup(t *testing.T) {
	n := newNode(t, "")
	n.start("trap '' HUP", nil, nil, "dev", "--listen", "unix://"+n.dir+"/s")
	n.serves("billing")
	n.signal(syscall.SIGHUP)
	n.serves("erp")
	n.stops(10 * time.Second)
}

// TestProgramsOfTheNodeHaveTheSignalsOfEver looks at what a program inherits.
func TestProgramsOfTheNodeHaveTheSignalsOfEver(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("NOT TESTED: there is no /proc")
	}
	n := newNode(t, `
listen: ["unix://SOCK"]
services: {a: {provider: exec, command: [/bin/sh, -c, "grep SigIgn /proc/self/status >DIR/ignored; ulimit -n >DIR/files; echo '{\"access_token\": \"def\"}'"], default_ttl: 1h}}
`)
	n.start("ulimit -Sn 200; ulimit -Hn 300", nil, nil)
	n.serves("a")
	text, err := os.ReadFile(n.file("ignored"))
	var ignored uint64
	if _, e := fmt.Sscanf(strings.TrimPrefix(string(text), "SigIgn:"), "%x", &ignored); err != nil || e != nil || ignored&(1<<(syscall.SIGPIPE-1)) != 0 {
		t.Errorf("%v, %v, %q", err, e, text)
	}
	if text, err := os.ReadFile(n.file("files")); err != nil || strings.TrimSpace(string(text)) != "200" {
		t.Errorf("files: %v, %q", err, text)
	}
	// Go raises the limit to all but one of what there may be, and gives programs the old one.
	if limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", n.cmd.Process.Pid)); err != nil || !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max open files 299 300") {
		t.Errorf("%v, %s", err, limits)
	}
	n.stops(10 * time.Second)
}

// TestAStartThatFailsIsALineOfJSON has the program say what is wrong with a log of JSON.
func TestAStartThatFailsIsALineOfJSON(t *testing.T) {
	n := newNode(t, "log: {format: json}\nservices: {a: {provider: nowhere}}\n")
	reads, writes := pipe(t)
	n.start("", nil, writes)
	_ = writes.Close()
	text, err := io.ReadAll(reads)
	var line map[string]string
	if e := json.Unmarshal(text, &line); err != nil || e != nil || line["level"] != "error" || line["code"] != "invalid_config" {
		t.Errorf("%v, %v, %q", err, e, text)
	}
	<-n.ended
}
