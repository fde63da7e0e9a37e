package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// exempt are commands of the documents, by how they begin, that are not run, and why.
var exempt = map[string]string{
	"install -":                  "run by TestTheUnitsUnderSystemd",
	"systemctl daemon-reload":    "run by TestTheUnitsUnderSystemd",
	"systemctl enable --now":     "run by TestTheUnitsUnderSystemd",
	"systemctl restart":          "run by TestTheUnitsUnderSystemd",
	"promtool check rules":       "run by TestPrometheusAcceptsMetricsAndRules",
	"promtool test rules":        "run by TestPrometheusAcceptsMetricsAndRules",
	"systemd-analyze security":   "run by TestSystemdAcceptsTheUnits",
	"(umask 077; set -C; tokend": "run by the story operations of cmd/tokend",
	"unshare --mount":            "run by TestTheUnitsUnderSystemd",
}

var fences = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// commands returns the lines in the shell blocks of the documents for operators.
func commands(t *testing.T) (all []string) {
	t.Helper()
	for _, name := range []string{"operations.md", "security.md"} {
		text, err := os.ReadFile(filepath.Join("../../docs", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fences.FindAllStringSubmatch(string(text), -1) {
			all = append(all, strings.Split(strings.TrimSpace(m[1]), "\n")...)
		}
	}
	return all
}

// reason returns why a command is not run, and which exemption says so.
func reason(command string) (prefix, why string) {
	for prefix, why := range exempt {
		if strings.HasPrefix(command, prefix) {
			return prefix, why
		}
	}
	return "", ""
}

// Every command in the documents for operators works, on the node that deploy/systemd
// configures. Those of the vault want the node stopped, and come last.
func TestTheCommandsOfTheDocumentsWork(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	need(t, "curl")
	idp, n := newIdP(t), &node{dir: place(t)}
	n.socket = filepath.Join(n.dir, "s")
	config := deployed(t, n, idp)
	n.daemon = start(t, tokend(t), []string{"serve", "--config", config}, nil)
	n.until(t, "the node does not answer", func() bool { _, err := os.Stat(n.socket); return err == nil })
	here := strings.NewReplacer("/etc/tokend/tokend.yaml", config, "/run/tokend/tokend.sock", n.socket)
	var running, stopped []string
	used := map[string]bool{}
	for _, command := range commands(t) {
		switch prefix, why := reason(command); {
		case why != "":
			used[prefix] = true
			t.Logf("not run: %s: %s", command, why)
		case strings.HasPrefix(command, "tokend vault"):
			stopped = append(stopped, here.Replace(command))
		default:
			running = append(running, here.Replace(command))
		}
	}
	if len(running) < 8 || len(stopped) < 2 || len(used) != len(exempt) {
		t.Errorf("%d commands for a node and %d for a stopped one; of the exemptions these are used: %v", len(running), len(stopped), used)
	}
	for _, command := range running {
		n.must(t, command)
	}
	n.stop()
	<-n.ended
	for _, command := range stopped {
		n.must(t, command)
	}
}
