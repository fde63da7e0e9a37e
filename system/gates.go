package system

import (
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
	byHost  map[string]*actor.PID
	stopped bool
}

// of returns the gate of a host, nil for the empty host: nothing is to be bounded
// there.
func (g *gates) of(host string) *actor.PID {
	g.mu.Lock()
	defer g.mu.Unlock()
	if host == "" || g.stopped {
		return nil
	}
	if pid := g.byHost[host]; pid != nil {
		return pid
	}
	pid, err := g.root.SpawnNamed(gate.Props(g.limit, g.props...), g.prefix+host)
	if err != nil { // the host's own actor has that name: any other will do
		pid = g.root.SpawnPrefix(gate.Props(g.limit, g.props...), g.prefix+host)
	}
	if g.byHost == nil {
		g.byHost = make(map[string]*actor.PID)
	}
	g.byHost[host] = pid
	return pid
}

func (g *gates) setLimit(limit int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if limit == g.limit {
		return
	}
	g.limit = limit
	for _, pid := range g.byHost {
		g.root.Send(pid, &gate.SetLimit{Limit: limit})
	}
}

// stop ends the gates, those that are still to come included.
func (g *gates) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopped = true
	for _, pid := range g.byHost {
		g.root.Stop(pid)
	}
}
