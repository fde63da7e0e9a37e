package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// family is a metric with all its series.
type family struct {
	desc    *prometheus.Desc
	counter bool // else a gauge
}

func counter(name, help string, labels ...string) family {
	return family{prometheus.NewDesc("tokend_"+name, help, labels, nil), true}
}

func gauge(name, help string, labels ...string) family {
	return family{prometheus.NewDesc("tokend_"+name, help, labels, nil), false}
}

// sample is one series at one moment. Its labels are shared with other series:
// the metrics of the client library make theirs anew, which is most of what a
// scrape of many services costs.
type sample struct {
	family
	labels []*dto.LabelPair // sorted by name
	value  float64
}

// Desc returns the description of the family.
func (s *sample) Desc() *prometheus.Desc { return s.desc }

// Write fills in out.
func (s *sample) Write(out *dto.Metric) error {
	out.Label = s.labels
	if s.counter {
		out.Counter = &dto.Counter{Value: &s.value}
	} else {
		out.Gauge = &dto.Gauge{Value: &s.value}
	}
	return nil
}

// put sends a series on. Labels must be in the order of their names.
func (f family) put(ch chan<- prometheus.Metric, value float64, labels ...*dto.LabelPair) {
	ch <- &sample{f, labels, value}
}

func label(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }

func number(claim bool) float64 {
	if claim {
		return 1
	}
	return 0
}

// seconds returns t as Prometheus has times.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// histogram returns a histogram of counts that are each for one bucket alone, the
// last one for what is beyond all bounds.
func histogram(desc *prometheus.Desc, bounds []float64, counts []uint64, sum time.Duration, labels ...string) prometheus.Metric {
	below := make(map[float64]uint64, len(bounds))
	var total uint64
	for i, n := range counts {
		total += n
		if i < len(bounds) {
			below[bounds[i]] = total
		}
	}
	return prometheus.MustNewConstHistogram(desc, total, sum.Seconds(), below, labels...)
}
