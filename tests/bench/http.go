package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"tokend/messages"
	"tokend/system/access"
	"tokend/system/httpapi"
	"tokend/system/metrics"
)

const (
	httpRounds = 21
	httpRound  = 100 * time.Millisecond // of each server in each round
	// httpAtLeast is how many of the bare server's requests a second the door makes.
	httpAtLeast = 0.85
)

// connections are how many clients there are at a time.
var connections = []int{1, 16, 64, 1000}

// checkHTTP compares GET /v1/token/{service}, as a node with clients and metrics
// answers it, with a handler that writes the same bytes with the same headers without
// knowing why: same server, same client, same requests, same run. Callers on TCP are
// known by a key, those on a Unix socket by their user.
func checkHTTP() (_ []row, err error) {
	h, err := plan{services: services, size: 200, memory: memorySealed}.build()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	var rows []row
	for _, network := range []string{"tcp", "unix"} {
		d, err := openDuel(network, h)
		if err != nil {
			return nil, err
		}
		got, err := d.compare(connections, httpRounds, httpRound)
		if err = errors.Join(err, d.close()); err != nil {
			return nil, err
		}
		rows = append(rows, got...)
	}
	return rows, nil
}

// duel is the door and the bare handler, each on an address of its own.
type duel struct {
	network    string
	door, bare *listening
	dir        string // of sockets
}

func openDuel(network string, h *house) (*duel, error) {
	dir, err := os.MkdirTemp("", "duel")
	if err != nil {
		return nil, err
	}
	d := &duel{network: network, dir: dir}
	if err := d.open(h); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *duel) open(h *house) (err error) {
	ask := asking{path: "/v1/token/" + h.names[0]}
	key, policy, err := oneClient(d.network, h.names[0])
	if err != nil {
		return err
	}
	if d.network == "tcp" {
		ask.headers = "Authorization: Bearer " + key.Reveal() + "\r\n"
	}
	if d.door, err = d.listen("door", ask, watchedDoor(h, policy), true); err != nil {
		return err
	}
	d.bare, err = d.listen("bare", ask, bareHandler(httpapi.New(h.sys, httpapi.Options{}), ask.path), false)
	return err
}

// oneClient returns a policy that knows the caller, and the caller's key.
func oneClient(network, service string) (messages.Secret, *access.Policy, error) {
	key, hash := access.NewKey()
	c := access.Client{Name: "bench", Grants: []access.Grant{{Services: []string{service}, Verbs: []string{"get"}}}}
	switch {
	case network == "tcp":
		c.KeyHash = hash
	case httpapi.PeersKnown:
		c.UID = new(uint32(os.Geteuid()))
	default:
		c.Listener = "door"
	}
	policy, err := access.New([]access.Client{c}, access.Options{})
	return key, policy, err
}

// watchedDoor returns the handler of a node that has clients and metrics.
func watchedDoor(h *house, policy *access.Policy) http.Handler {
	traffic := httpapi.NewTraffic()
	return httpapi.New(h.sys, httpapi.Options{
		Access: access.NewShared(policy), Traffic: traffic,
		Metrics: metrics.Handler(metrics.Registry(h.sys, traffic, metrics.Build{}, nil, nil)),
	})
}

// bareHandler writes what door answers now, for ever.
func bareHandler(door http.Handler, path string) http.Handler {
	rec := httptest.NewRecorder()
	door.ServeHTTP(rec, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil))
	body := rec.Body.Bytes()
	length := strconv.Itoa(len(body))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Length", length)
		_, _ = w.Write(body) // nobody is left to be told
	})
}

// listen serves a handler, through a door as a node has it or plainly.
func (d *duel) listen(name string, ask asking, handler http.Handler, asNode bool) (*listening, error) {
	e := httpapi.Endpoint{Address: "tcp://127.0.0.1:0", Name: name}
	if d.network == "unix" {
		e.Address = "unix://" + filepath.Join(d.dir, name)
	}
	l, err := httpapi.Listen(context.Background(), e)
	if err != nil {
		return nil, err
	}
	server := httpapi.NewServer(handler, nil)
	if asNode {
		door, err := httpapi.NewDoor(l, e, httpapi.DoorOptions{})
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		server = door.Server(handler, nil)
	}
	ask.network, ask.address = l.Addr().Network(), l.Addr().String()
	s := &listening{server: server, asking: ask, served: make(chan error, 1)}
	go func() { s.served <- s.server.Serve(l) }()
	return s, nil
}

func (d *duel) close() error {
	errs := []error{os.RemoveAll(d.dir)}
	for _, s := range []*listening{d.door, d.bare} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(errs...)
}

// listening is a server that runs.
type listening struct {
	asking

	server *http.Server
	served chan error
}

func (s *listening) close() error {
	err := s.server.Close()
	if end := <-s.served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

// compare loads both servers in turn, in an order that turns from round to round.
func (d *duel) compare(connections []int, rounds int, round time.Duration) ([]row, error) {
	var rows []row
	for _, n := range connections {
		var ours, theirs []time.Duration
		var ratios, rates, bareRates []float64
		for i := range rounds {
			pair := []*listening{d.door, d.bare}
			if i%2 == 1 {
				slices.Reverse(pair)
			}
			took := map[*listening][]time.Duration{}
			for _, s := range pair {
				waits, err := load(s.asking, n, round)
				if err != nil {
					return nil, fmt.Errorf("%d connections over %s: %w", n, d.network, err)
				}
				took[s] = waits
			}
			ours, theirs = append(ours, took[d.door]...), append(theirs, took[d.bare]...)
			ratios = append(ratios, float64(len(took[d.door]))/float64(len(took[d.bare])))
			rates = append(rates, float64(len(took[d.door]))/round.Seconds())
			bareRates = append(bareRates, float64(len(took[d.bare]))/round.Seconds())
		}
		name := fmt.Sprintf("HTTP over %s, %d connections", d.network, n)
		rows = append(rows, duelRows(name, median(ratios), median(rates), median(bareRates), percentiles(ours), percentiles(theirs))...)
	}
	return rows, nil
}

// duelRows shows a door beside a bare handler: the rates with their ratio, which is
// bounded, and the waits.
func duelRows(name string, ratio, rate, bareRate float64, ours, theirs string) []row {
	return []row{
		{
			name: name + ", requests/s against a bare handler", ours: fmt.Sprintf("%.0f", rate), theirs: fmt.Sprintf("%.0f", bareRate),
			ratio: fmt.Sprintf("%.2f", ratio), bound: fmt.Sprintf(">= %.2f", httpAtLeast), broken: ratio < httpAtLeast,
		},
		{name: name + ", p50 / p99 / p99.9", ours: ours, theirs: theirs},
	}
}

func percentiles(waits []time.Duration) string {
	slices.Sort(waits)
	return wrote(atShare(waits, 0.5), atShare(waits, 0.99), atShare(waits, 0.999))
}

// atShare returns what that share of all is at most, the shortest of which come first.
func atShare(sorted []time.Duration, share float64) time.Duration {
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// wrote shows three percentiles.
func wrote(p50, p99, p999 time.Duration) string {
	return fmt.Sprintf("%s / %s / %s", p50.Round(time.Microsecond), p99.Round(time.Microsecond), p999.Round(time.Microsecond))
}
