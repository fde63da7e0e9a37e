package metrics

import (
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"tokend/system/sink"
)

var (
	sinksTotal = gauge("sinks", "Files that hold tokens.")
	sinksStale = gauge("sinks_stale", "Files that hold tokens of which a reader gets none, or a dead one.")

	sinkStale        = gauge("sink_stale", "Whether a reader of the file gets no token, or a dead one.", "path", "service")
	sinkFailing      = gauge("sink_failing", "Whether the file could not be written or removed when that was last tried.", "path", "service")
	sinkWrites       = counter("sink_writes_total", "Writings of the file.", "path", "service")
	sinkFailures     = counter("sink_write_failures_total", "Writings and removals of the file that failed.", "path", "service")
	sinkHookFailures = counter("sink_hook_failures_total", "Runs of the file's hook that failed.", "path", "service")
)

// mostSinks bounds the files that have series of their own: the first by path. The
// counts of all files have every one.
const mostSinks = 1000

func collectSinks(ch chan<- prometheus.Metric, all []sink.Stat) {
	stale := 0
	for _, s := range all {
		if s.Stale {
			stale++
		}
	}
	sinksTotal.put(ch, float64(len(all)))
	sinksStale.put(ch, float64(stale))
	all = slices.SortedFunc(slices.Values(all), func(a, b sink.Stat) int { return cmp.Compare(a.Path, b.Path) })
	for _, s := range all[:min(len(all), mostSinks)] {
		path, service := label("path", s.Path), label("service", s.Service)
		sinkStale.put(ch, number(s.Stale), path, service)
		sinkFailing.put(ch, number(s.Failure != ""), path, service)
		sinkWrites.put(ch, float64(s.Writes), path, service)
		sinkFailures.put(ch, float64(s.WriteFailures), path, service)
		sinkHookFailures.put(ch, float64(s.HookFailures), path, service)
	}
}
