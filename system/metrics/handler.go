package metrics

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tokend/system"
	"tokend/system/httpapi"
)

// Build says what runs.
type Build struct{ Version, Revision string }

// Registry returns a registry of its own with the metrics of a node; r is nil for one
// that reads no configuration anew, and l for one that counts no lines.
func Registry(sys *system.System, t *httpapi.Traffic, b Build, r *Reloads, l *Lost) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		Collector(sys), Door(t), buildInfo(b),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	if r != nil {
		reg.MustRegister(r)
	}
	if l != nil {
		reg.MustRegister(l)
	}
	return reg
}

// Handler answers scrapes of reg.
func Handler(reg *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

func buildInfo(b Build) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tokend_build_info", Help: "What runs; always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": runtime.Version()},
	})
	g.Set(1)
	return g
}
