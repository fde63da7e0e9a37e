package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// loader is a program of other authors that loads a server for a while, over one
// kind of network.
type loader struct {
	program, network string
	// args are its arguments. Files that it needs go into dir.
	args func(what asking, connections int, during time.Duration, dir string) ([]string, error)
	// read finds in dir, and in what the program has printed, what it has measured.
	read func(said, dir string) (reading, error)
}

// reading is what a loader has measured of one server.
type reading struct {
	answered       int
	rate           float64 // answers a second
	p50, p99, p999 time.Duration
}

// loaders are all loaders: wrk knows no Unix sockets.
var loaders = []*loader{
	{"wrk", "tcp", wrkArgs, readWrk},
	{"h2load", "unix", h2loadArgs, readH2load},
}

// loadPatienceMore is how much longer than the load itself a loader may take.
const loadPatienceMore = 30 * time.Second

// load loads a server, of which every answer must be a good one. The program has as
// many connections as asked for only if it may open as many files.
func (l *loader) load(ctx context.Context, what asking, connections int, during time.Duration) (_ reading, err error) {
	dir, err := os.MkdirTemp("", "loader")
	if err != nil {
		return reading{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	args, err := l.args(what, connections, during, dir)
	if err != nil {
		return reading{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, during+loadPatienceMore)
	defer cancel()
	const most = `ulimit -n "$(ulimit -H -n)"; exec "$@"`
	said, err := exec.CommandContext(ctx, "sh", append([]string{"-c", most, "sh", l.program}, args...)...).CombinedOutput()
	if err != nil {
		return reading{}, fmt.Errorf("%s: %w: %s", l.program, err, lastLine(string(said)))
	}
	got, err := l.read(string(said), dir)
	if err != nil {
		return reading{}, fmt.Errorf("%s: %w", l.program, err)
	}
	return got, nil
}

func lastLine(said string) string {
	said = strings.TrimSpace(said)
	return said[strings.LastIndexByte(said, '\n')+1:]
}

// wrkScript has wrk print what it does not by itself. The headers are set once: the
// request is not made anew by Lua each time.
const wrkScript = `%s
done = function(summary, latency, requests)
	local e = summary.errors
	io.write(string.format('{"requests":%%d,"took":%%d,"p50":%%d,"p99":%%d,"p999":%%d,"failed":%%d}\n',
		summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
		e.connect + e.read + e.write + e.status + e.timeout))
end
`

// wrkArgs keeps the key out of the arguments, which everybody can read.
func wrkArgs(what asking, connections int, during time.Duration, dir string) ([]string, error) {
	script := filepath.Join(dir, "script.lua")
	var headers strings.Builder
	for line := range strings.SplitSeq(strings.TrimSpace(what.headers), "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			fmt.Fprintf(&headers, "wrk.headers[%q] = %q\n", name, value)
		}
	}
	if err := os.WriteFile(script, fmt.Appendf(nil, wrkScript, headers.String()), 0o600); err != nil {
		return nil, err
	}
	return []string{
		"-t", "1", "-c", strconv.Itoa(connections), "-d", seconds(during), "--timeout", seconds(loadPatience),
		"-s", script, "http://" + what.address + what.path,
	}, nil
}

// seconds writes a time as wrk and h2load take it, neither of which knows fractions.
func seconds(d time.Duration) string { return fmt.Sprintf("%ds", d/time.Second) }

// readWrk reads what the script has printed, in microseconds.
func readWrk(said, _ string) (reading, error) {
	var wrk struct{ Requests, Took, P50, P99, P999, Failed int64 }
	if err := json.Unmarshal([]byte(lastLine(said)), &wrk); err != nil {
		return reading{}, fmt.Errorf("its last line is not the script's: %w", err)
	}
	switch {
	case wrk.Failed > 0:
		return reading{}, fmt.Errorf("%d of %d requests failed", wrk.Failed, wrk.Requests)
	case wrk.Requests <= 0 || wrk.Took <= 0:
		return reading{}, errors.New("no request was answered")
	}
	return reading{
		answered: int(wrk.Requests),
		rate:     float64(wrk.Requests) / (time.Duration(wrk.Took) * time.Microsecond).Seconds(),
		p50:      time.Duration(wrk.P50) * time.Microsecond,
		p99:      time.Duration(wrk.P99) * time.Microsecond,
		p999:     time.Duration(wrk.P999) * time.Microsecond,
	}, nil
}

// h2loadLog is where h2load writes how long each request took.
const h2loadLog = "requests"

// h2loadArgs sends no headers: who comes through a Unix socket is known without.
func h2loadArgs(what asking, connections int, during time.Duration, dir string) ([]string, error) {
	return []string{
		"--h1", "-t", "1", "-c", strconv.Itoa(connections), "-D", seconds(during),
		"-B", "unix:" + what.address, "--log-file", filepath.Join(dir, h2loadLog), "http://localhost" + what.path,
	}, nil
}

var (
	h2loadRate = regexp.MustCompile(`(?m)^finished in \S+, ([0-9.]+) req/s`)
	h2loadSum  = regexp.MustCompile(`(?m)^requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout$`)
)

// readH2load reads the rate that h2load prints and, as it prints no percentiles, how
// long each request took.
func readH2load(said, dir string) (reading, error) {
	rate, sum := h2loadRate.FindStringSubmatch(said), h2loadSum.FindStringSubmatch(said)
	if rate == nil || sum == nil {
		return reading{}, fmt.Errorf("it says nothing of the requests: %s", lastLine(said))
	}
	if sum[1] == "0" {
		return reading{}, errors.New("no request was answered")
	}
	if sum[1] != sum[2] || !slices.Equal(sum[3:], []string{"0", "0", "0"}) {
		return reading{}, errors.New(sum[0])
	}
	log, err := os.ReadFile(filepath.Join(dir, h2loadLog))
	if err != nil {
		return reading{}, err
	}
	waits, err := h2loadWaits(string(log))
	if err != nil {
		return reading{}, err
	}
	perSecond, err := strconv.ParseFloat(rate[1], 64)
	return reading{len(waits), perSecond, atShare(waits, 0.5), atShare(waits, 0.99), atShare(waits, 0.999)}, err
}

// h2loadWaits reads a log: for each request when it began, the status and how long
// it took, in microseconds. The shortest come first in what it returns.
func h2loadWaits(log string) ([]time.Duration, error) {
	var waits []time.Duration
	for line := range strings.Lines(log) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[1] != "200" {
			return nil, fmt.Errorf("the log has the line %q", line)
		}
		took, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return nil, err
		}
		waits = append(waits, time.Duration(took)*time.Microsecond)
	}
	if len(waits) == 0 {
		return nil, errors.New("the log is empty")
	}
	slices.Sort(waits)
	return waits, nil
}
