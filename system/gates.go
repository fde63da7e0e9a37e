package system

import (
	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/gate"
)

// gates are the gate actors by host. A host's gate is made when the first
// service needs it, and stays. The system's lock guards them.
type gates struct {
	root   *actor.RootContext
	prefix string
	limit  int
	props  []actor.PropsOption
	byHost map[string]*actor.PID
}

// of returns the gate of a host, nil for the empty host: nothing is to be bounded
// there.
func (g *gates) of(host string) *actor.PID {
	if host == "" {
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
	if limit == g.limit {
		return
	}
	g.limit = limit
	for _, pid := range g.byHost {
		g.root.Send(pid, &gate.SetLimit{Limit: limit})
	}
}

func (g *gates) stop() {
	for _, pid := range g.byHost {
		g.root.Stop(pid)
	}
}
