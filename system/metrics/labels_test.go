package metrics

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
)

// watched is something that is deployed to watch metrics: an expression, and texts that
// name labels of what it comes to.
type watched struct{ name, expression, text string }

// rules returns what the alerts watch.
func rules(t *testing.T) (all []watched) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	text, err := os.ReadFile("../../deploy/prometheus/rules.yml")
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			all = append(all, watched{r.Alert, r.Expr, r.Annotations["summary"]})
		}
	}
	return all
}

// panels returns what the dashboard watches.
func panels(t *testing.T) (all []watched) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	text, err := os.ReadFile("../../deploy/grafana/tokend.json")
	if err == nil {
		err = json.Unmarshal(text, &dashboard)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all = append(all, watched{p.Title, target.Expr, target.LegendFormat})
		}
	}
	return all
}

var described = regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)

// ownLabels returns the labels that each metric has by itself.
func ownLabels() map[string][]string {
	ch := make(chan *prometheus.Desc, 100)
	(&collector{}).Describe(ch)
	(&door{}).Describe(ch)
	(&Reloads{}).Describe(ch)
	close(ch)
	all := map[string][]string{}
	for desc := range ch {
		found := described.FindStringSubmatch(desc.String())
		all[found[1]] = strings.FieldsFunc(found[2], func(r rune) bool { return r == ',' })
	}
	return all
}

var (
	selectors = regexp.MustCompile(`\b((?:tokend|go|process)_[a-z_]+)(?:\{([^}]*)\})?`)
	matchers  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	groupings = regexp.MustCompile(`\b(?:by|on|without|ignoring) \(([^)]*)\)`)
	mentions  = regexp.MustCompile(`\{\{ *(?:with )?(?:\$labels\.)?([a-z_]+)`)
)

// What an alert or a panel says of labels is true of the metrics in it: a misspelled
// one matches nothing, and the alert is quiet for ever.
func TestWhatIsDeployedKnowsTheLabels(t *testing.T) {
	own := ownLabels()
	all := slices.Concat(rules(t), panels(t))
	if len(all) < 30 {
		t.Fatalf("there are %d expressions", len(all))
	}
	for _, w := range all {
		known := map[string]bool{"instance": true, "job": true, "le": true}
		for _, s := range selectors.FindAllStringSubmatch(w.expression, -1) {
			has := append([]string{"instance", "job"}, own[strings.TrimSuffix(s[1], "_bucket")]...)
			for _, m := range matchers.FindAllStringSubmatch(s[2], -1) {
				if !slices.Contains(has, m[1]) {
					t.Errorf("%s: %s has no label %s", w.name, s[1], m[1])
				}
			}
			for _, label := range has {
				known[label] = true
			}
		}
		for _, label := range namedLabels(w) {
			if !known[label] {
				t.Errorf("%s: none of its metrics has a label %s; there are %v", w.name, label, slices.Sorted(maps.Keys(known)))
			}
		}
	}
}

// namedLabels returns the labels that are named outside of selectors.
func namedLabels(w watched) (all []string) {
	for _, g := range groupings.FindAllStringSubmatch(w.expression, -1) {
		all = append(all, strings.FieldsFunc(g[1], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	for _, m := range mentions.FindAllStringSubmatch(w.text, -1) {
		if m[1] != "end" && m[1] != "else" {
			all = append(all, m[1])
		}
	}
	return all
}
