package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// freePort returns an address that was free a moment ago. Its port is below those that
// systems give to whoever wants any, so that nobody is given it before it is used.
func freePort(t *testing.T) string {
	t.Helper()
	const lowest, ports, tries = 20_000, 12_000, 100
	var err error
	for range tries {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", lowest+rand.N(ports))); err == nil {
			defer func() { _ = l.Close() }()
			return l.Addr().String()
		}
	}
	t.Fatal(err)
	return ""
}

// Prometheus reads the token from a file at every scrape. Over more than five lives
// of tokens the target refuses none of them.
func TestPrometheusScrapesWithATokenFromAFile(t *testing.T) {
	t.Parallel()
	const life = 4
	program, idp := need(t, "prometheus"), newIdP(t)
	n := serve(t, idp, service("target", life, "    sinks: [{path: DIR/token}]\n"), "")
	file := filepath.Join(n.dir, "token")
	until(t, "there is no file", func() bool { _, err := os.Stat(file); return err == nil })
	at := freePort(t)
	target := strings.TrimPrefix(idp.upstream(t, "up_to_date 1\n").URL, "http://")
	write(t, filepath.Join(n.dir, "prometheus.yml"), fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: target
    authorization: {credentials_file: %s}
    static_configs: [{targets: [%q]}]
`, file, target))
	prometheus := start(t, program, []string{
		"--config.file=" + filepath.Join(n.dir, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(n.dir, "data"),
		"--web.listen-address=" + at, "--log.level=warn",
	}, nil)
	prometheus.until(t, "Prometheus does not scrape", func() bool { taken, refused := idp.counts(); return taken+refused > 0 })
	first := time.Now()
	until(t, "time stands still", func() bool { return time.Since(first) > 5*life*time.Second })
	taken, refused := idp.counts()
	if taken < 6 || refused != 0 {
		t.Errorf("%d tokens were accepted, %d scrapes refused", taken, refused)
	}
	if got := query(t, at, `min_over_time(up{job="target"}[5m])`); got != "1" {
		t.Errorf("at its worst the target was %q", got)
	}
	t.Logf("%s scrapes with %d tokens, %d refused", query(t, at, `count_over_time(up{job="target"}[5m])`), taken, refused)
}

// query asks Prometheus for a single value.
func query(t *testing.T, at, expression string) string {
	t.Helper()
	resp, err := http.Get("http://" + at + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Data struct{ Result []struct{ Value []any } }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || len(answer.Data.Result) != 1 || len(answer.Data.Result[0].Value) != 2 {
		t.Fatalf("%s: %v, %+v", expression, err, answer)
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1])
}
