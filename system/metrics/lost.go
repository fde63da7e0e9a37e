package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	lostLog   = counter("log_lines_dropped_total", "Lines of the log that were dropped, because they could not be written in time or not at all.")
	lostAudit = counter("audit_lines_dropped_total", "Lines of the audit that were dropped, because they could not be written in time or not at all.")
)

// Lost are the metrics of lines that a node had to say and could not write.
type Lost struct {
	Log   func() uint64 // lines of the log so far; nil: no one counts them
	Audit atomic.Uint64 // lines of the audit so far
}

// Describe sends the descriptions of all metrics.
func (*Lost) Describe(ch chan<- *prometheus.Desc) {
	ch <- lostLog.desc
	ch <- lostAudit.desc
}

// Collect sends all metrics as they are now.
func (l *Lost) Collect(ch chan<- prometheus.Metric) {
	if l.Log != nil {
		lostLog.put(ch, float64(l.Log()))
	}
	lostAudit.put(ch, float64(l.Audit.Load()))
}
