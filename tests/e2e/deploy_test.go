package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tool runs a program that must be content, and returns what it says.
func tool(t *testing.T, stdin, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Dir = strings.NewReader(stdin), dir
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said)
	}
	return string(said)
}

func TestPrometheusAcceptsMetricsAndRules(t *testing.T) {
	t.Parallel()
	program, idp := need(t, "promtool"), newIdP(t)
	n := serve(t, idp, service("billing", 60, "    sinks: [{path: DIR/token}]\n"), "")
	n.must(t, "tokend get billing >token")
	metrics, err := n.get("/metrics")
	if err != nil || !strings.Contains(metrics, "tokend_sink_stale") {
		t.Fatalf("%v: %s", err, metrics)
	}
	if said := tool(t, metrics+"\n", ".", program, "check", "metrics"); said != "" {
		t.Errorf("promtool check metrics: %s", said)
	}
	tool(t, "", "../../deploy/prometheus", program, "check", "rules", "rules.yml")
	tool(t, "", "../../deploy/prometheus", program, "test", "rules", "rules_test.yml")
}

// Every expression of the dashboard is one, with something chosen for its variables.
func TestPrometheusAcceptsTheDashboard(t *testing.T) {
	t.Parallel()
	program := need(t, "promtool")
	text, err := os.ReadFile("../../deploy/grafana/tokend.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	chosen := strings.NewReplacer("$instance", ".*", "$service", "billing", "$__rate_interval", "5m")
	rules, count := "groups:\n- name: panels\n  rules:\n", 0
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			count++
			rules += fmt.Sprintf("  - {record: panel%d, expr: %q}\n", count, chosen.Replace(target.Expr))
		}
	}
	if count < 20 {
		t.Errorf("there are %d expressions", count)
	}
	file := filepath.Join(place(t), "rules.yml")
	write(t, file, rules)
	tool(t, "", ".", program, "check", "rules", file)
}

// exposure is what systemd says of how much a unit may do, from 0 to 10.
var exposure = regexp.MustCompile(`Overall exposure level for tokend.service: ([0-9]+)\.[0-9]+`)

func TestSystemdAcceptsTheUnits(t *testing.T) {
	t.Parallel()
	program, dir := need(t, "systemd-analyze"), place(t)
	for _, name := range []string{"tokend.service", "tokend.socket", "tokend.service.d/sinks.conf", "tokend.service.d/hooks.conf", "tokend-reload@.path", "tokend-reload@.service"} {
		text, err := os.ReadFile(filepath.Join("../../deploy/systemd", filepath.Base(name)))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, file, strings.ReplaceAll(string(text), "/usr/local/bin/tokend", tokend(t)))
	}
	if said := tool(t, "", dir, program, "verify", "./tokend.service", "./tokend.socket", "./tokend-reload@a.path", "./tokend-reload@a.service"); said != "" {
		t.Errorf("systemd-analyze verify: %s", said)
	}
	said := tool(t, "", dir, program, "security", "--offline=true", "./tokend.service")
	if level := exposure.FindStringSubmatch(said); level == nil || level[1] > "2" || len(level[1]) > 1 {
		t.Errorf("the unit may do too much: %q", level)
	}
}
