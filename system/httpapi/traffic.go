package httpapi

import (
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"tokend/system/access"
)

// Traffic counts what goes through a door, by route and status code. Both are
// known beforehand, so that to count is to add to a number. The methods may be
// called concurrently.
type Traffic struct {
	routes   []routeTraffic // by number; the last one is for what is no route
	streams  atomic.Int64
	refusals [len(reasons)]atomic.Uint64
}

// NewTraffic returns a Traffic that has counted nothing.
func NewTraffic() *Traffic { return &Traffic{routes: make([]routeTraffic, len(routes)+1)} }

type routeTraffic struct {
	codes       [len(statuses) + 1]atomic.Uint64 // the last one is for what is no status of this door
	buckets     [len(DurationBounds) + 1]atomic.Uint64
	nanoseconds atomic.Uint64
}

// statuses are all that this door answers with.
var statuses = [...]int{200, 400, 401, 403, 404, 405, 413, 429, 500, 502, 503, 504}

// DurationBounds are the upper bounds of the buckets that requests are counted in
// by how long they took, in seconds.
var DurationBounds = [...]float64{0.0001, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60}

// durationBounds are the same as durations, which are compared for every request.
var durationBounds = func() (bounds [len(DurationBounds)]time.Duration) {
	for i, seconds := range DurationBounds {
		bounds[i] = time.Duration(seconds * float64(time.Second))
	}
	return bounds
}()

// note counts a request. How long a stream lasts says nothing about the door.
func (t *Traffic) note(rt *route, status int, took time.Duration) {
	number := len(t.routes) - 1
	if rt != nil {
		number = rt.number
	}
	one := &t.routes[number]
	i := slices.Index(statuses[:], status)
	if i < 0 {
		i = len(statuses)
	}
	one.codes[i].Add(1)
	if rt == eventsRoute {
		return
	}
	i = 0
	for i < len(durationBounds) && took > durationBounds[i] {
		i++
	}
	one.buckets[i].Add(1)
	one.nanoseconds.Add(uint64(max(took, 0)))
}

// Reason is why a request was refused before anybody looked at what it wants.
type Reason int

// The reasons of a refusal.
const (
	ReasonOrigin      Reason = iota // it came from a web page
	ReasonHost                      // it named a host that is not this node's
	ReasonAccess                    // the caller may not have what it asked for
	ReasonRate                      // the client asks too often
	ReasonInFlight                  // too many of the client's requests are under way
	ReasonStreams                   // too many of them are streams of events
	ReasonConnections               // too many connections are open
)

// reasons are the names of all reasons.
var reasons = [...]string{
	ReasonOrigin: "origin", ReasonHost: "host", ReasonAccess: "access",
	ReasonRate: "rate", ReasonInFlight: "in_flight", ReasonStreams: "streams",
	ReasonConnections: "connections",
}

// Refused counts a refusal; a nil Traffic counts none.
func (t *Traffic) Refused(why Reason) {
	if t != nil {
		t.refusals[why].Add(1)
	}
}

// Refusals returns how many requests were refused, by the name of the reason.
func (t *Traffic) Refusals() map[string]uint64 {
	by := make(map[string]uint64, len(reasons))
	for i, name := range reasons {
		by[name] = t.refusals[i].Load()
	}
	return by
}

// Streams returns how many streams of events are open.
func (t *Traffic) Streams() int { return int(t.streams.Load()) }

// RouteStats is what was counted of one route.
type RouteStats struct {
	Route   string         // such as "/v1/token/{service}"; empty: what is no route
	Codes   map[int]uint64 // by status code; 0: a code that is none of this door's
	Buckets []uint64       // by DurationBounds, each for itself, and one more
	Sum     time.Duration
}

// Stats returns what was counted of every route.
func (t *Traffic) Stats() []RouteStats {
	all := make([]RouteStats, len(t.routes))
	for i := range t.routes {
		one, stats := &t.routes[i], &all[i]
		if i < len(routes) {
			stats.Route = routes[i].pattern
		}
		stats.Codes, stats.Sum = one.byCode(), time.Duration(one.nanoseconds.Load())
		for b := range one.buckets {
			stats.Buckets = append(stats.Buckets, one.buckets[b].Load())
		}
	}
	return all
}

func (r *routeTraffic) byCode() map[int]uint64 {
	by := map[int]uint64{}
	for i := range r.codes {
		n := r.codes[i].Load()
		switch {
		case n == 0:
		case i < len(statuses):
			by[statuses[i]] = n
		default:
			by[0] = n
		}
	}
	return by
}

// tracked is an answer whose status is noted.
type tracked struct {
	http.ResponseWriter
	status          int
	request, stream access.Place // that its request has
	conn            *conn        // nil: it came through no door
	caller          access.Caller
}

// begins notes the status. A connection that is to go says so.
func (t *tracked) begins(status int) {
	if t.status = status; t.conn != nil && t.conn.leaves() {
		t.Header()["Connection"] = closing
	}
}

// closing is shared: headers are not changed once they are set.
var closing = []string{"close"}

// WriteHeader notes the status.
func (t *tracked) WriteHeader(status int) {
	if t.status == 0 {
		t.begins(status)
	}
	t.ResponseWriter.WriteHeader(status)
}

// Write notes the status that a body implies.
func (t *tracked) Write(b []byte) (int, error) {
	if t.status == 0 {
		t.begins(http.StatusOK)
	}
	return t.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (t *tracked) Unwrap() http.ResponseWriter { return t.ResponseWriter }
