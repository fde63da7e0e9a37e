package tests

import (
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/tests/fakes/idptest"
)

// crash is a message that every actor dies of: protoactor asks such a message for
// its answer on the actor's own goroutine.
type crash struct{}

// GetAutoResponse panics.
func (*crash) GetAutoResponse(actor.Context) any { panic("crash " + idptest.Canary) }

// kill crashes the actor of that id.
func (w *world) kill(id string) {
	system := w.sys.ActorSystem()
	system.Root.Send(actor.NewPID(system.Address(), id), &crash{})
}

// actors returns the ids of all actors of the system.
func (w *world) actors() []string {
	var ids []string
	for _, bucket := range w.sys.ActorSystem().ProcessRegistry.LocalPIDs.LocalPIDs {
		for id, process := range bucket.Items() {
			if _, ok := process.(*actor.ActorProcess); ok {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// others returns the ids of the actors that keep no service's token.
func (w *world) others() []string {
	var ids []string
	for _, id := range w.actors() {
		if !strings.HasPrefix(id, "service/") {
			ids = append(ids, id)
		}
	}
	return ids
}
