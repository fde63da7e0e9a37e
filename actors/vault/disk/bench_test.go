package disk

import (
	"fmt"
	"strings"
	"testing"

	"tokend/actors/vault"
)

// BenchmarkWrite is what it costs to bring the file up to date with a thousand of ten
// thousand records, a record.
func BenchmarkWrite(b *testing.B) {
	const all, batch = 10_000, 1000
	t := newBench(b)
	s := t.open()
	defer t.close(s)
	records := make([]*vault.Record, all)
	for i := range records {
		records[i] = t.record(fmt.Sprintf("service-%06d", i*7919%all), 1, strings.Repeat("x", 200), "")
		s.Save(records[i])
	}
	if err := s.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		for range batch {
			rec := *records[n%all]
			rec.Revision += uint64(n/all) + 1 //nolint:gosec // small
			s.Save(&rec)
			n++
		}
		if err := s.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
}
