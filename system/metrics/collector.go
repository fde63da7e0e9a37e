package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"tokend/actors/token"
	"tokend/messages"
	"tokend/system"
)

// classOK is the class of acquisitions that brought a token.
const classOK = "ok"

var (
	ready = gauge("ready", "Whether every required service that was needed has a valid token.")

	expiry       = gauge("token_expiry_timestamp_seconds", "When the token dies, in seconds since 1970; none without a token, or without expiry.", "service")
	state        = gauge("token_state", "State of the service's token: 1 for the one that it is in.", "service", "state")
	hits         = counter("token_hits_total", "Callers answered with a token without waiting.", "service")
	misses       = counter("token_misses_total", "Callers who waited, or got an error.", "service")
	waiters      = gauge("token_waiters", "Callers who wait for an acquisition.", "service")
	acquisitions = counter("acquisitions_total", "Acquisitions that have ended, by class: ok, or that of the failure.", "service", "class")
	restarts     = counter("actor_restarts_total", "Restarts of the service's actor after a crash.", "service")

	inFlight = gauge("gate_in_flight", "Acquisitions under way at a token endpoint's host.", "host")
	queued   = gauge("gate_queued", "Acquisitions that wait for a place at a token endpoint's host.", "host")
	places   = gauge("gate_limit", "Acquisitions that may be under way at a token endpoint's host.", "host")

	lost = counter("events_lost_total", "Events that were dropped because listeners or the log could not keep up.")

	vaultDegraded = gauge("vault_degraded", "Whether the last write to the vault's file failed; none without a vault.")
	vaultUnsaved  = gauge("vault_unsaved_records", "Records that are newer in memory than in the vault's file.")
	vaultDamaged  = gauge("vault_damaged_records", "Records that were set aside at start because they were damaged.")

	took = prometheus.NewDesc("tokend_acquisition_duration_seconds", "How long acquisitions took, by kind of provider.", []string{"provider"}, nil)
)

// families are all metrics of a system but the histogram.
var families = []family{
	ready, expiry, state, hits, misses, waiters, acquisitions, restarts,
	inFlight, queued, places, lost, vaultDegraded, vaultUnsaved, vaultDamaged,
	sinksTotal, sinksStale, sinkStale, sinkFailing, sinkWrites, sinkFailures, sinkHookFailures,
}

// states are the labels of all states.
var states = func() (all []*dto.LabelPair) {
	for _, name := range []string{messages.StateEmpty, messages.StateFresh, messages.StateDue, messages.StateDegraded, messages.StateExpired} {
		all = append(all, label("state", name))
	}
	return all
}()

// Collector returns the metrics of a system, for any registry.
func Collector(sys *system.System) prometheus.Collector { return &collector{sys} }

type collector struct{ sys *system.System }

// Describe sends the descriptions of all metrics.
func (*collector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range families {
		ch <- f.desc
	}
	ch <- took
}

// Collect sends all metrics as they are now.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ready.put(ch, number(c.sys.Readiness().Ready))
	lost.put(ch, float64(c.sys.EventsLost()))
	ok := label("class", classOK)
	for s := range c.sys.Stats() {
		collectService(ch, &s, ok)
	}
	for _, g := range c.sys.Gates() {
		host := label("host", g.Host)
		inFlight.put(ch, float64(g.InFlight), host)
		queued.put(ch, float64(g.Queued), host)
		places.put(ch, float64(g.Limit), host)
	}
	for _, t := range c.sys.Timings() {
		ch <- histogram(took, token.TimingBounds[:], t.Buckets, t.Sum, t.Kind)
	}
	c.collectVault(ch)
	collectSinks(ch, c.sys.Sinks())
}

func collectService(ch chan<- prometheus.Metric, s *system.Stats, ok *dto.LabelPair) {
	service := label("service", s.Service)
	alone := []*dto.LabelPair{service}
	if !s.ExpiresAt.IsZero() {
		expiry.put(ch, seconds(s.ExpiresAt), alone...)
	}
	for _, name := range states {
		state.put(ch, number(name.GetValue() == s.State), service, name)
	}
	hits.put(ch, float64(s.Counters.Hits), alone...)
	misses.put(ch, float64(s.Counters.Misses), alone...)
	waiters.put(ch, float64(s.Waiting), alone...)
	restarts.put(ch, float64(s.Restarts), alone...)
	acquisitions.put(ch, float64(s.Counters.Refreshes), ok, service)
	for class, n := range s.Failures {
		acquisitions.put(ch, float64(n), label("class", class), service)
	}
}

func (c *collector) collectVault(ch chan<- prometheus.Metric) {
	health, kept := c.sys.VaultHealth()
	if !kept {
		return
	}
	vaultDegraded.put(ch, number(health.Degraded))
	vaultUnsaved.put(ch, float64(health.Unsaved))
	vaultDamaged.put(ch, float64(len(health.Damaged)))
}
