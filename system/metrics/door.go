package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"tokend/system/httpapi"
)

var (
	requests  = counter("http_requests_total", "Requests that were answered, by route and status code.", "route", "code")
	refusals  = counter("http_refusals_total", "Requests that were refused before anybody looked at what they want, by reason.", "reason")
	streams   = gauge("http_event_streams", "Streams of events that are open.")
	durations = prometheus.NewDesc("tokend_http_request_duration_seconds", "How long requests took, streams of events not included, by route.", []string{"route"}, nil)
)

// noRoute is the label of requests for a path that there is not.
const noRoute = "none"

// Door returns the metrics of what goes through a node's HTTP door.
func Door(t *httpapi.Traffic) prometheus.Collector { return &door{t} }

type door struct{ traffic *httpapi.Traffic }

// Describe sends the descriptions of all metrics.
func (*door) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range []family{requests, refusals, streams} {
		ch <- f.desc
	}
	ch <- durations
}

// Collect sends all metrics as they are now.
func (d *door) Collect(ch chan<- prometheus.Metric) {
	streams.put(ch, float64(d.traffic.Streams()))
	for reason, n := range d.traffic.Refusals() {
		refusals.put(ch, float64(n), label("reason", reason))
	}
	for _, r := range d.traffic.Stats() {
		name := r.Route
		if name == "" {
			name = noRoute
		}
		for code, n := range r.Codes {
			requests.put(ch, float64(n), label("code", codeName(code)), label("route", name))
		}
		ch <- histogram(durations, httpapi.DurationBounds[:], r.Buckets, r.Sum, name)
	}
}

func codeName(code int) string {
	if code == 0 {
		return "other"
	}
	return strconv.Itoa(code)
}
