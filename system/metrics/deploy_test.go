package metrics

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tokend/system/httpapi"
)

// named are metrics of a node, and those of the process, in an expression.
var named = regexp.MustCompile(`\b(tokend|go|process)_[a-z_]+\b`)

// exist returns the names of all series that a node may have.
func exist(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	ch := make(chan *prometheus.Desc, 100)
	(&collector{}).Describe(ch)
	(&door{}).Describe(ch)
	close(ch)
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	for desc := range ch {
		n := name.FindStringSubmatch(desc.String())[1]
		names[n] = true
		if strings.HasSuffix(n, "_duration_seconds") {
			names[n+"_bucket"] = true
		}
	}
	families, err := newRegistry(newSystem(t, 1), httpapi.NewTraffic()).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		names[f.GetName()] = true
	}
	return names
}

func TestWhatIsDeployedWatchesMetricsThatExist(t *testing.T) {
	names := exist(t)
	for _, file := range []string{"prometheus/rules.yml", "prometheus/rules_test.yml", "grafana/tokend.json"} {
		text, err := os.ReadFile("../../deploy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		found := named.FindAllString(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, name := range found {
			if !names[name] {
				t.Errorf("%s: there is no metric %s", file, name)
			}
		}
	}
}

var alert = regexp.MustCompile(`(?m)^ +- alert: (\w+)$`)

// Every alert is tested, and whoever is woken by it can read what to do.
func TestEveryAlertIsTestedAndExplained(t *testing.T) {
	texts := map[string]string{}
	for _, file := range []string{"deploy/prometheus/rules.yml", "deploy/prometheus/rules_test.yml", "docs/operations.md"} {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	alerts := alert.FindAllStringSubmatch(texts["deploy/prometheus/rules.yml"], -1)
	if len(alerts) == 0 {
		t.Fatal("there are no alerts")
	}
	for _, a := range alerts {
		if !strings.Contains(texts["deploy/prometheus/rules_test.yml"], "        alertname: "+a[1]+"\n        exp_alerts:\n") {
			t.Errorf("%s is not tested", a[1])
		}
		if !strings.Contains(texts["docs/operations.md"], "| `"+a[1]+"` |") {
			t.Errorf("%s is not explained", a[1])
		}
	}
}
