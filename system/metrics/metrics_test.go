package metrics

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/sirupsen/logrus"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/system/httpapi"
)

// newSystem returns a running system of so many services, all with a token, and
// one more, refused, that gets none.
func newSystem(t testing.TB, services int, edit ...func(*config.Config)) *system.System {
	t.Helper()
	cfg := &config.Config{
		Defaults: config.Settings{Eager: new(true)},
		Services: map[string]config.Service{"refused": {Provider: "test"}},
	}
	for i := range services {
		cfg.Services[fmt.Sprintf("service-%05d", i)] = config.Service{Provider: "test"}
	}
	for _, e := range edit {
		e(cfg)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	sys, err := system.New(cfg, system.WithLogger(log), system.WithProvider("test", issue))
	if err != nil {
		t.Fatal(err)
	}
	settled := settling(t, sys, services+1)
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Stop(context.Background()) })
	<-settled
	return sys
}

// settling is closed when so many acquisitions have ended.
func settling(t testing.TB, sys *system.System, most int) <-chan struct{} {
	settled, id := make(chan struct{}), sys.LastEvent()
	go func() {
		defer close(settled)
		for n := 0; ; {
			entries, more := sys.EventsAfter(id, make([]messages.Entry, 0, 64))
			for _, e := range entries {
				id = e.ID
				switch e.Event.(type) {
				case *messages.TokenAcquired, *messages.RefreshFailed:
					n++
				case nil:
					t.Error("events were lost")
				}
			}
			if n >= most || more == nil {
				return
			}
			<-more
		}
	}()
	return settled
}

func issue(string, map[string]any) (provider.Provider, error) {
	return provider.Func(func(_ context.Context, req provider.Request) (provider.Result, error) {
		if req.Service == "refused" {
			return provider.Result{}, &provider.Error{Class: messages.ClassRejected, Text: "no"}
		}
		return provider.Result{AccessToken: messages.NewSecret("hush-" + req.Service), Lifetime: time.Hour}, nil
	}), nil
}

func newRegistry(sys *system.System, traffic *httpapi.Traffic) *prometheus.Registry {
	return Registry(sys, traffic, Build{Version: "v1.2.3", Revision: "abc"}, NewReloads(time.Now()), nil)
}

// gather returns all series by name and labels, with their values; of a histogram
// the number of what was observed.
func gather(t testing.TB, reg prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			all[f.GetName()+labels(m)] = value(m)
		}
	}
	return all
}

func labels(m *dto.Metric) string {
	var b strings.Builder
	for _, l := range m.Label {
		fmt.Fprintf(&b, " %s=%s", l.GetName(), l.GetValue())
	}
	return b.String()
}

func value(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	default:
		return float64(m.Histogram.GetSampleCount())
	}
}

func TestWhatIsShownOfASystem(t *testing.T) {
	sys := newSystem(t, 2)
	for range 3 {
		if _, err := sys.Token(t.Context(), "service-00000"); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = sys.Token(t.Context(), "refused")
	got := gather(t, newRegistry(sys, httpapi.NewTraffic()))
	info, err := sys.Info(t.Context(), "service-00000")
	if err != nil {
		t.Fatal(err)
	}
	for series, want := range map[string]float64{
		"tokend_ready": 0,
		"tokend_token_expiry_timestamp_seconds service=service-00000":               float64(info.ExpiresAt.UnixMilli()) / 1000,
		"tokend_token_state service=service-00000 state=fresh":                      1,
		"tokend_token_state service=service-00000 state=expired":                    0,
		"tokend_token_state service=refused state=empty":                            1,
		"tokend_token_hits_total service=service-00000":                             3,
		"tokend_token_misses_total service=refused":                                 1,
		"tokend_token_waiters service=refused":                                      0,
		"tokend_acquisitions_total class=ok service=service-00001":                  1,
		"tokend_acquisitions_total class=ok service=refused":                        0,
		"tokend_acquisitions_total class=rejected service=refused":                  1,
		"tokend_acquisition_duration_seconds provider=test":                         3,
		"tokend_actor_restarts_total service=service-00000":                         0,
		"tokend_gate_limit host=kind:test":                                          32,
		"tokend_events_lost_total":                                                  0,
		"tokend_http_event_streams":                                                 0,
		"tokend_http_refusals_total reason=origin":                                  0,
		"tokend_http_request_duration_seconds route=none":                           0,
		"tokend_build_info goversion=" + goVersion + " revision=abc version=v1.2.3": 1,
	} {
		if v, there := got[series]; !there || v != want {
			t.Errorf("%s is %v (there: %v), want %v", series, v, there, want)
		}
	}
	for series := range got {
		if series == "tokend_token_expiry_timestamp_seconds service=refused" || strings.HasPrefix(series, "tokend_vault_") {
			t.Errorf("there is a %s", series)
		}
	}
	for _, name := range []string{"go_goroutines", "tokend_gate_in_flight host=kind:test", "tokend_gate_queued host=kind:test"} {
		if _, there := got[name]; !there {
			t.Errorf("nothing of %s", name)
		}
	}
}

func TestWhatIsShownOfAVault(t *testing.T) {
	sys := newSystem(t, 1, func(cfg *config.Config) {
		cfg.Vault.Path = t.TempDir() + "/vault"
		cfg.Vault.Keys = []config.Secret{config.NewSecret("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")}
	})
	got := gather(t, newRegistry(sys, httpapi.NewTraffic()))
	for _, name := range []string{"tokend_vault_degraded", "tokend_vault_damaged_records"} {
		if v, there := got[name]; !there || v != 0 {
			t.Errorf("%s is %v (there: %v)", name, v, there)
		}
	}
	if _, there := got["tokend_vault_unsaved_records"]; !there {
		t.Error("nothing of what is not saved")
	}
}

func TestWhatIsShownOfADoor(t *testing.T) {
	sys, traffic := newSystem(t, 1), httpapi.NewTraffic()
	reg := newRegistry(sys, traffic)
	door := traffic.Guard(httpapi.New(sys, httpapi.Options{Traffic: traffic, Metrics: Handler(reg)}), nil)
	for _, target := range []string{"/v1/token/service-00000", "/v1/token/service-00000", "/v1/token/nope", "/nope", "/metrics"} {
		ask(t, door, "localhost", target)
	}
	ask(t, door, "evil.example", "/v1/token/service-00000")
	traffic.Refused(httpapi.ReasonAccess)
	body := ask(t, door, "localhost", "/metrics").Body.String()
	for _, line := range []string{
		`tokend_http_requests_total{code="200",route="/v1/token/{service}"} 2`,
		`tokend_http_requests_total{code="404",route="/v1/token/{service}"} 1`,
		`tokend_http_requests_total{code="404",route="none"} 1`,
		`tokend_http_requests_total{code="200",route="/metrics"} 1`,
		`tokend_http_request_duration_seconds_count{route="/v1/token/{service}"} 3`,
		`tokend_http_request_duration_seconds_bucket{route="/v1/token/{service}",le="+Inf"} 3`,
		`tokend_http_refusals_total{reason="host"} 1`,
		`tokend_http_refusals_total{reason="access"} 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(body, "hush-") {
		t.Error("there is a token in it")
	}
	if t.Failed() {
		t.Logf("all lines:\n%s", body)
	}
}

func ask(t *testing.T, h http.Handler, host, target string) *httptest.ResponseRecorder {
	t.Helper()
	rec, req := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	req.Host = host
	h.ServeHTTP(rec, req)
	return rec
}

func TestACodeThatIsNoneOfTheDoors(t *testing.T) {
	if got := codeName(0); got != "other" {
		t.Errorf("it is called %q", got)
	}
}

func TestMetricsAreNamedAsPrometheusWants(t *testing.T) {
	families, err := newRegistry(newSystem(t, 1), httpapi.NewTraffic()).Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// What is described is what is sent: a registry that checks it accepts it.
func TestMetricsAreWhatTheyAreDescribedAs(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	sys, traffic := newSystem(t, 2), httpapi.NewTraffic()
	ask(t, httpapi.New(sys, httpapi.Options{Traffic: traffic}), "localhost", "/healthz")
	reg.MustRegister(Collector(sys), Door(traffic), NewReloads(time.Now()))
	if _, err := reg.Gather(); err != nil {
		t.Error(err)
	}
}

func TestReloadsTellHowTheLastOneWent(t *testing.T) {
	began := time.Unix(1_800_000_000, 0)
	r := NewReloads(began)
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(r)
	expect := func(when string, well, at float64) {
		t.Helper()
		got := gather(t, reg)
		if got["tokend_config_reload_successful"] != well || got["tokend_config_reload_success_timestamp_seconds"] != at {
			t.Errorf("%s: %v", when, got)
		}
	}
	expect("after the start", 1, 1_800_000_000)
	r.Failed()
	expect("after a refusal", 0, 1_800_000_000)
	r.Succeeded(began.Add(time.Minute))
	expect("after a success", 1, 1_800_000_060)
}

func TestLostLinesAreCounted(t *testing.T) {
	l := &Lost{Log: func() uint64 { return 7 }}
	l.Audit.Add(3)
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(l)
	if got := gather(t, reg); got["tokend_log_lines_dropped_total"] != 7 || got["tokend_audit_lines_dropped_total"] != 3 {
		t.Errorf("%v", got)
	}
}

var documented = regexp.MustCompile("(?m)^\\| `(tokend_[a-z_]+)` \\|")

func TestEveryMetricIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	inText := map[string]bool{}
	for _, m := range documented.FindAllStringSubmatch(string(text), -1) {
		inText[m[1]] = true
	}
	ch := make(chan *prometheus.Desc, 100)
	(&collector{}).Describe(ch)
	(&door{}).Describe(ch)
	buildInfo(Build{}).Describe(ch)
	(&Reloads{}).Describe(ch)
	(&Lost{}).Describe(ch)
	close(ch)
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	inCode := map[string]bool{}
	for desc := range ch {
		inCode[name.FindStringSubmatch(desc.String())[1]] = true
	}
	if !maps.Equal(inText, inCode) {
		t.Errorf("docs/metrics.md has %q\nthe code has %q", sorted(inText), sorted(inCode))
	}
}

func sorted(names map[string]bool) []string { return slices.Sorted(maps.Keys(names)) }
