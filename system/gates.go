package system

import (
	"cmp"
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/gate"
)

// gates are the gate actors by host. A host's gate is made when the first service
// needs it, and goes when no service does and the last flight through it has ended.
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
	pid    *actor.PID
	gauge  gate.Gauge
	needed bool // by a service; else it goes as soon as it is idle
	visits int  // of flights that come from another host, or are about to
}

// of returns the gate of a host that a service needs, nil for the empty host: nothing
// is to be bounded there.
func (g *gates) of(host string) *actor.PID {
	g.mu.Lock()
	defer g.mu.Unlock()
	known := g.at(host)
	if known == nil {
		return nil
	}
	known.needed = true
	return known.pid
}

// visit returns the gate of a host for one flight. It is there until done is called,
// and then for as long as the flight has its place.
func (g *gates) visit(host string) (at *actor.PID, done func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	known := g.at(host)
	if known == nil {
		return nil, func() {}
	}
	known.visits++
	return known.pid, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		known.visits--
		g.retire(host, known)
	}
}

// at returns the gate of a host, made if need be: a host's program can stop any actor.
// The caller has locked.
func (g *gates) at(host string) *hostGate {
	if host == "" || g.stopped {
		return nil
	}
	if known := g.byHost[host]; known != nil && g.lives(known) {
		return known
	}
	made := &hostGate{}
	props := gate.Props(g.limit, &made.gauge, g.props...)
	var err error
	if made.pid, err = g.root.SpawnNamed(props, g.prefix+host); err != nil {
		// The host's own actor has that name, or one that has not quite ended: any
		// other will do.
		made.pid = g.root.SpawnPrefix(props, g.prefix+host)
	}
	if g.byHost == nil {
		g.byHost = make(map[string]*hostGate)
	}
	g.byHost[host] = made
	return made
}

func (g *gates) lives(known *hostGate) bool {
	_, there := g.root.ActorSystem().ProcessRegistry.GetLocal(known.pid.Id)
	return there
}

// keep gives up the gates of all hosts but those that are needed. One that is busy
// bounds its flights to the last, and goes on if the host is needed again.
func (g *gates) keep(needed map[string]bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for host, known := range g.byHost {
		if known.needed && !needed[host] {
			known.needed = false
			g.retire(host, known)
		}
	}
}

// retire has a gate that nobody needs go as soon as it is idle. The caller has locked.
func (g *gates) retire(host string, known *hostGate) {
	if known.unused() && !g.stopped {
		g.root.Send(known.pid, &gate.Retire{Idle: func() { g.drop(host, known) }})
	}
}

func (h *hostGate) unused() bool { return !h.needed && h.visits == 0 }

// drop ends a gate that is idle, unless somebody needs it again.
func (g *gates) drop(host string, idle *hostGate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if idle.unused() && !g.stopped && g.byHost[host] == idle {
		delete(g.byHost, host)
		g.root.Stop(idle.pid)
	}
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
