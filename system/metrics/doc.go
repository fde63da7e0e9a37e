// Package metrics shows what a node does to Prometheus.
//
//	reg := prometheus.NewRegistry()
//	reg.MustRegister(metrics.Collector(sys))   // in a host's own registry
//
// [Handler] is what GET /metrics of a node answers with: the system's metrics and
// those of its door, of the build, and of the Go runtime and the process.
//
// # Invariants
//
//   - A scrape asks no actor: it reads what services publish anyway, and counters.
//   - Every label has values that configuration or this package bounds: services,
//     the first 1,000 files of sinks, hosts of token endpoints, kinds of provider,
//     states, classes, routes and codes.
//   - No metric holds a secret, a token or a fingerprint.
//
// # Gotchas
//
// Classes of failures have a series only once they have happened, for most never
// do; start alerts from increase() over a sum, not from a class's own series.
// docs/metrics.md lists all metrics.
package metrics
