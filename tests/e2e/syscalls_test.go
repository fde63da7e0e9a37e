package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// allowed returns the system calls in a set of systemd's, and in those within it.
func allowed(t *testing.T, program, set string, calls map[string]bool) {
	t.Helper()
	for line := range strings.Lines(tool(t, "", ".", program, "syscall-filter", set)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "" || name == set || strings.HasPrefix(name, "#"):
		case strings.HasPrefix(name, "@"):
			allowed(t, program, name, calls)
		default:
			calls[name] = true
		}
	}
}

// called is the system call of a line that strace -f writes to a file.
var called = regexp.MustCompile(`(?m)^\d+ +([a-z0-9_]+)\(`)

// The unit lets the node, and a hook, ask the kernel for all that they ask for: what
// the filter refuses would fail on a machine with systemd only.
func TestTheUnitAllowsWhatANodeAsksTheKernelFor(t *testing.T) {
	t.Parallel()
	strace, analyze := need(t, "strace"), need(t, "systemd-analyze")
	if err := exec.Command(strace, "-qq", "-o", os.DevNull, "true").Run(); err != nil {
		t.Skipf("there is no tracing here: strace: %v", err)
	}
	calls := map[string]bool{}
	allowed(t, analyze, "@system-service", calls)
	idp, n := newIdP(t), &node{dir: place(t)}
	n.socket = filepath.Join(n.dir, "s")
	config := deployed(t, n, idp)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, config, string(text)+"    sinks: [{path: "+n.dir+"/token, mode: \"0640\", on_change: {exec: [/bin/cp, "+n.dir+"/token, "+n.dir+"/copy]}}]\n")
	trace := filepath.Join(n.dir, "trace")
	// With -D the node is the child, which is told to end, and strace is not.
	n.daemon = start(t, strace, []string{"-D", "-f", "-qq", "-o", trace, tokend(t), "serve", "--config", config}, nil)
	n.until(t, "the hook does not run", func() bool { _, err := os.Stat(filepath.Join(n.dir, "copy")); return err == nil })
	n.must(t, "tokend refresh billing")
	n.stop()
	<-n.ended
	lines, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	found := called.FindAllStringSubmatch(string(lines), -1)
	if len(found) < 1000 {
		t.Fatalf("only %d calls were seen", len(found))
	}
	for _, call := range found {
		if !calls[call[1]] {
			calls[call[1]] = true // told once
			t.Errorf("the unit does not allow %s", call[1])
		}
	}
}
