package metrics

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"tokend/config"
	"tokend/system/httpapi"
	"tokend/system/sink"
)

// shown returns the series of sinks.
func shown(t *testing.T, all []sink.Stat) map[string]float64 {
	t.Helper()
	ch := make(chan prometheus.Metric, 5*len(all)+2)
	collectSinks(ch, all)
	close(ch)
	got := map[string]float64{}
	for m := range ch {
		var out dto.Metric
		if err := m.Write(&out); err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(m.Desc().String(), `Desc{fqName: "`), `"`)
		got[name+labels(&out)] = value(&out)
	}
	return got
}

func TestWhatIsShownOfSinks(t *testing.T) {
	got := shown(t, []sink.Stat{
		{Service: "erp", Path: "/run/b", Stale: true, Failure: "disk full", Writes: 3, WriteFailures: 2, HookFailures: 1},
		{Service: "billing", Path: "/run/a", Writes: 7},
	})
	for series, want := range map[string]float64{
		"tokend_sinks": 2, "tokend_sinks_stale": 1,
		"tokend_sink_stale path=/run/b service=erp":                1,
		"tokend_sink_stale path=/run/a service=billing":            0,
		"tokend_sink_failing path=/run/b service=erp":              1,
		"tokend_sink_failing path=/run/a service=billing":          0,
		"tokend_sink_writes_total path=/run/a service=billing":     7,
		"tokend_sink_write_failures_total path=/run/b service=erp": 2,
		"tokend_sink_hook_failures_total path=/run/b service=erp":  1,
	} {
		if value, ok := got[series]; !ok || value != want {
			t.Errorf("%s is %v, want %v", series, got[series], want)
		}
	}
	if len(got) != 12 {
		t.Errorf("%d series: %v", len(got), got)
	}
}

// Of very many files the first have series, and all are counted.
func TestSeriesOfSinksAreBounded(t *testing.T) {
	var all []sink.Stat
	for i := range mostSinks + 1 {
		all = append(all, sink.Stat{Service: "s", Path: fmt.Sprintf("/run/%05d", mostSinks-i), Stale: true})
	}
	got := shown(t, all)
	if len(got) != 5*mostSinks+2 || got["tokend_sinks_stale"] != mostSinks+1 || got["tokend_sinks"] != mostSinks+1 {
		t.Errorf("%d series, %v of %v stale", len(got), got["tokend_sinks_stale"], got["tokend_sinks"])
	}
	if _, ok := got[fmt.Sprintf("tokend_sink_stale path=/run/%05d service=s", mostSinks)]; ok {
		t.Error("the last by path has a series")
	}
	if all[0].Path != fmt.Sprintf("/run/%05d", mostSinks) {
		t.Error("what was handed in is sorted now")
	}
}

func TestASystemsSinksAreShown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	sys := newSystem(t, 1, func(cfg *config.Config) {
		s := cfg.Services["refused"]
		s.Sinks = &[]config.Sink{{Path: file}}
		cfg.Services["refused"] = s
	})
	got := gather(t, newRegistry(sys, httpapi.NewTraffic()))
	if got["tokend_sink_stale path="+file+" service=refused"] != 1 || got["tokend_sinks"] != 1 {
		t.Errorf("%v", got)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("there is a file without a token")
	}
}
