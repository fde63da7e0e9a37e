package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	reloadedWell = gauge("config_reload_successful", "Whether the last configuration that was to be loaded is the one that runs.")
	reloadedAt   = gauge("config_reload_success_timestamp_seconds", "When the configuration that runs was loaded, in seconds since 1970.")
)

// Reloads are the metrics of how loading configurations went. Its methods may be
// called concurrently.
type Reloads struct {
	failed atomic.Bool
	last   atomic.Pointer[time.Time] // success
}

// NewReloads returns the metrics of a node that loaded its configuration at now.
func NewReloads(now time.Time) *Reloads {
	r := &Reloads{}
	r.Succeeded(now)
	return r
}

// Succeeded tells that a configuration was loaded.
func (r *Reloads) Succeeded(now time.Time) {
	r.last.Store(&now)
	r.failed.Store(false)
}

// Failed tells that one was refused.
func (r *Reloads) Failed() { r.failed.Store(true) }

// Describe sends the descriptions of all metrics.
func (*Reloads) Describe(ch chan<- *prometheus.Desc) {
	ch <- reloadedWell.desc
	ch <- reloadedAt.desc
}

// Collect sends all metrics as they are now.
func (r *Reloads) Collect(ch chan<- prometheus.Metric) {
	reloadedWell.put(ch, number(!r.failed.Load()))
	reloadedAt.put(ch, seconds(*r.last.Load()))
}
