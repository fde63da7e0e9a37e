package metrics

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"tokend/system/httpapi"
)

var goVersion = runtime.Version()

// BenchmarkScrape is a whole scrape of 10,000 services.
func BenchmarkScrape(b *testing.B) {
	h := Handler(newRegistry(newSystem(b, 10_000), httpapi.NewTraffic()))
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/metrics", nil))
		size = rec.Body.Len()
	}
	b.ReportMetric(float64(size), "B/scrape")
}
