package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const saidWrk = `Running 1s test @ http://127.0.0.1:7469/v1/token/pager
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   541.97us    1.01ms  15.66ms   94.05%
    Req/Sec    36.51k     4.28k   41.12k    70.00%
  72610 requests in 2.00s, 33.72MB read
Requests/sec:  36305.00
Transfer/sec:     16.86MB
`

func TestWhatWrkSays(t *testing.T) {
	for name, tt := range map[string]struct {
		said, err string
		want      reading
	}{
		"all is well": {
			saidWrk + `{"requests":72610,"took":2000000,"p50":314,"p99":8573,"p999":20137,"failed":0}` + "\n", "",
			reading{72610, 36305, 314 * time.Microsecond, 8573 * time.Microsecond, 20137 * time.Microsecond},
		},
		"requests failed": {saidWrk + `{"requests":5,"took":2000000,"p50":1,"p99":1,"p999":1,"failed":2}`, "2 of 5 requests failed", reading{}},
		"nobody answered": {saidWrk + `{"requests":0,"took":2000000,"p50":0,"p99":0,"p999":0,"failed":0}`, "no request was answered", reading{}},
		"no script ran":   {saidWrk, "not the script's", reading{}},
		"nothing":         {"", "not the script's", reading{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readWrk(tt.said, "")
			wantReading(t, got, err, tt.want, tt.err)
		})
	}
}

func wantReading(t *testing.T, got reading, err error, want reading, wantErr string) {
	t.Helper()
	if wantErr == "" && err != nil || wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)) {
		t.Errorf("error %v, want %q", err, wantErr)
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

const saidH2load = `starting benchmark...
progress: 100% of clients started
Main benchmark duration is over for thread #0. Stopping all clients.
Stopped all clients for thread #0

finished in 1.00s, 4.50 req/s, 14.16MB/s
requests: 4 total, 20 started, DONE
status codes: 4 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 14.16MB (14853013) total, 2.88MB (3020985) headers (space savings 0.00%), 10.27MB (10771795) data
`

func TestWhatH2loadSays(t *testing.T) {
	const good = "4 done, 4 succeeded, 0 failed, 0 errored, 0 timeout"
	for name, tt := range map[string]struct {
		done, log, err string
		want           reading
	}{
		"all is well": {
			good, "100\t200\t40\n200\t200\t10\n300\t200\t30\t9\n400\t200\t20\n", "",
			reading{4, 4.5, 30 * time.Microsecond, 40 * time.Microsecond, 40 * time.Microsecond},
		},
		"requests failed":       {"4 done, 1 succeeded, 3 failed, 0 errored, 0 timeout", "", "3 failed", reading{}},
		"some were cut off":     {"4 done, 4 succeeded, 0 failed, 2 errored, 0 timeout", "", "2 errored", reading{}},
		"some took too long":    {"4 done, 4 succeeded, 0 failed, 0 errored, 1 timeout", "", "1 timeout", reading{}},
		"nobody answered":       {"0 done, 0 succeeded, 0 failed, 0 errored, 0 timeout", "", "no request was answered", reading{}},
		"it says something new": {"done", "", "says nothing of the requests", reading{}},
		"the log is empty":      {good, "", "the log is empty", reading{}},
		"a line is too short":   {good, "100\t200\n", "the log has the line", reading{}},
		"a status is not good":  {good, "100\t503\t40\n", "the log has the line", reading{}},
		"a time is none":        {good, "100\t200\tlong\n", "invalid syntax", reading{}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, h2loadLog), []byte(tt.log), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := readH2load(strings.Replace(saidH2load, "DONE", tt.done, 1), dir)
			wantReading(t, got, err, tt.want, tt.err)
		})
	}
	if _, err := readH2load(strings.Replace(saidH2load, "DONE", good, 1), t.TempDir()); err == nil {
		t.Error("there is no log, and that is no error")
	}
}

// program is a loader that is a shell script.
func program(t *testing.T, script string) *loader {
	t.Helper()
	file := filepath.Join(t.TempDir(), "loader")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return &loader{file, "tcp", wrkArgs, readWrk}
}

const oneAnswer = `echo '{"requests":1,"took":1000000,"p50":2,"p99":3,"p999":4,"failed":0}'`

func TestALoaderRuns(t *testing.T) {
	what := asking{"tcp", "127.0.0.1:1", "/v1/token/a", "Authorization: Bearer some-key\r\n"}
	for name, tt := range map[string]struct {
		script, err string
		want        reading
	}{
		"as asked for": {
			`case "$*" in "-t 1 -c 3 -d 2s --timeout 10s -s "*" http://127.0.0.1:1/v1/token/a") ;; *) exit 3;; esac
case "$*" in *some-key*) echo the key is seen; exit 4;; esac
while [ "$1" != -s ]; do shift; done
grep -q 'wrk.headers\["Authorization"\] = "Bearer some-key"' "$2" || exit 5
[ "$(ulimit -n)" = "$(ulimit -H -n)" ] || exit 6
` + oneAnswer, "", reading{1, 1, 2 * time.Microsecond, 3 * time.Microsecond, 4 * time.Microsecond},
		},
		"and fails":        {"echo first; echo why >&2; exit 7", "exit status 7: why", reading{}},
		"and says nothing": {"", "not the script's", reading{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := program(t, tt.script).load(t.Context(), what, 3, 2*time.Second)
			wantReading(t, got, err, tt.want, tt.err)
		})
	}
}

func TestALoaderThatIsNotInstalledIsNamed(t *testing.T) {
	l := &loader{program: "no-such-program", network: "tcp"}
	rows, err := l.check()
	if err != nil || len(rows) != 1 || rows[0].ours != "SKIPPED: no-such-program is not installed" || rows[0].verdict() != "-" {
		t.Errorf("rows %+v, error %v", rows, err)
	}
}
