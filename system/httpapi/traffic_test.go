package httpapi

import (
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"
)

// statsOf returns what traffic counted of a route.
func statsOf(t *testing.T, traffic *Traffic, route string) RouteStats {
	t.Helper()
	for _, s := range traffic.Stats() {
		if s.Route == route {
			return s
		}
	}
	t.Fatalf("nothing is counted of %q", route)
	return RouteStats{}
}

func TestRequestsAreCountedByRouteAndCode(t *testing.T) {
	traffic := NewTraffic()
	k := newFake()
	door := New(k, Options{Traffic: traffic, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# metrics\n")) // no WriteHeader
	})})
	for _, r := range []struct{ method, target string }{
		{"GET", "/v1/token/billing"},
		{"GET", "/v1/token/forever"},
		{"GET", "/v1/token/nope"},
		{"PUT", "/v1/token/billing"},
		{"GET", "/v1/token/billing?x"},
		{"GET", "/nope"},
		{"GET", "/metrics"},
		{"BREW", "/v1/authorize/billing/x"},
		{"POST", "/v1/services/billing/refresh"},
	} {
		call(t, door, r.method, r.target, "")
	}
	k.panics = "at the disco"
	call(t, door, "GET", "/v1/token/billing", "")
	for route, want := range map[string]map[int]uint64{
		"/v1/token/{service}":            {200: 2, 404: 1, 405: 1, 400: 1, 500: 1},
		"/v1/authorize/{service}":        {200: 1},
		"/v1/services/{service}/refresh": {200: 1},
		"/metrics":                       {200: 1},
		"/healthz":                       {},
		"":                               {404: 1},
	} {
		stats := statsOf(t, traffic, route)
		if !maps.Equal(stats.Codes, want) {
			t.Errorf("%q: %v, want %v", route, stats.Codes, want)
		}
		var counted, answered uint64
		for _, n := range stats.Buckets {
			counted += n
		}
		for _, n := range want {
			answered += n
		}
		if counted != answered {
			t.Errorf("%q: %d durations of %d requests", route, counted, answered)
		}
	}
}

func TestDurationsGoIntoTheirBuckets(t *testing.T) {
	traffic := NewTraffic()
	for _, took := range []time.Duration{-1, 100 * time.Microsecond, 100*time.Microsecond + 1, time.Minute, time.Minute + 1} {
		traffic.note(tokenRoute, 200, took)
	}
	traffic.note(eventsRoute, 200, time.Hour) // a stream's says nothing
	traffic.note(healthRoute, 299, 0)
	got := statsOf(t, traffic, "/v1/token/{service}")
	for i, want := range []uint64{2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1} {
		if got.Buckets[i] != want {
			t.Errorf("bucket %d has %d, want %d", i, got.Buckets[i], want)
		}
	}
	if want := 2*time.Minute + 200*time.Microsecond + 2; got.Sum != want {
		t.Errorf("sum %s, want %s", got.Sum, want)
	}
	if s := statsOf(t, traffic, "/v1/events"); s.Codes[200] != 1 || s.Sum != 0 {
		t.Errorf("streams: %+v", s)
	}
	if s := statsOf(t, traffic, "/healthz"); s.Codes[0] != 1 {
		t.Errorf("a status that is none: %v", s.Codes)
	}
}

func TestRefusalsAreCountedByReason(t *testing.T) {
	traffic := NewTraffic()
	door := traffic.Guard(newDoor(newFake()), nil)
	for _, origin := range []string{"", "http://evil.example"} {
		r := call(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Host = "evil.example"
			if origin != "" {
				r.Header.Set("Origin", origin)
			}
			door.ServeHTTP(w, r)
		}), "GET", "/healthz", "")
		wantProblem(t, r, CodeDenied)
	}
	traffic.Refused(ReasonAccess)
	(*Traffic)(nil).Refused(ReasonAccess) // nobody counts
	if got := traffic.Refusals(); !maps.Equal(got, map[string]uint64{"origin": 1, "host": 1, "access": 1, "rate": 0, "in_flight": 0, "streams": 0, "connections": 0}) {
		t.Errorf("refusals %v", got)
	}
}

func TestScrapesAreBounded(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	door := New(newFake(), Options{Metrics: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-finish
	})})
	var scraping sync.WaitGroup
	for range maxScrapes {
		scraping.Go(func() { call(t, door, "GET", "/metrics", "") })
		<-begun
	}
	wantProblem(t, call(t, door, "GET", "/metrics", ""), CodeOverloaded)
	close(finish)
	scraping.Wait()
}

func TestMetricsAreNoPathWithoutAny(t *testing.T) {
	wantProblem(t, call(t, newDoor(newFake()), "GET", "/metrics", ""), CodeNotFound)
}
