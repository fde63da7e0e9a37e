package system

import (
	"cmp"
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/gate"
)

// gates are the gate actors by host. A host's gate is made when the first
// service needs it, and stays.
type gates struct {
	root   *actor.RootContext
	prefix string
	props  []actor.PropsOption

	mu      sync.Mutex // guards what follows
	limit   int
	byHost  map[string]*hostGate
	stopped bool
}

// hostGate is the gate of one host.
type hostGate struct {
	pid   *actor.PID
	gauge gate.Gauge
}

// of returns the gate of a host, nil for the empty host: nothing is to be bounded
// there.
func (g *gates) of(host string) *actor.PID {
	g.mu.Lock()
	defer g.mu.Unlock()
	if host == "" || g.stopped {
		return nil
	}
	if known := g.byHost[host]; known != nil {
		return known.pid
	}
	made := &hostGate{}
	props := gate.Props(g.limit, &made.gauge, g.props...)
	var err error
	if made.pid, err = g.root.SpawnNamed(props, g.prefix+host); err != nil {
		// The host's own actor has that name: any other will do.
		made.pid = g.root.SpawnPrefix(props, g.prefix+host)
	}
	if g.byHost == nil {
		g.byHost = make(map[string]*hostGate)
	}
	g.byHost[host] = made
	return made.pid
}

func (g *gates) setLimit(limit int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if limit == g.limit {
		return
	}
	g.limit = limit
	for _, known := range g.byHost {
		g.root.Send(known.pid, &gate.SetLimit{Limit: limit})
	}
}

// stop ends the gates, those that are still to come included.
func (g *gates) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopped = true
	for _, known := range g.byHost {
		g.root.Stop(known.pid)
	}
}

// stats returns how busy the gates are, by host.
func (g *gates) stats() []GateStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]GateStats, 0, len(g.byHost))
	for host, known := range g.byHost {
		all = append(all, GateStats{
			Host: host, Limit: g.limit,
			InFlight: int(known.gauge.InFlight.Load()), Queued: int(known.gauge.Queued.Load()),
		})
	}
	slices.SortFunc(all, func(a, b GateStats) int { return cmp.Compare(a.Host, b.Host) })
	return all
}
