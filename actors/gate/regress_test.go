package gate

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// A flight asks again when its actor came back from a crash. It has its place
// already, so it gets no second one, nor does another flight get the one it has.
func TestAskingAgainForAPlaceMakesNoSecondOne(t *testing.T) {
	for _, slow := range []bool{false, true} {
		q := newQueue(1)
		held := Acquire{Service: "a", Flight: 1, Slow: slow}
		q.ask(held, nil)
		q.drain()
		q.ask(Acquire{Service: "b", Flight: 2, Waiting: true}, nil)
		q.ask(held, nil)
		if got := q.drain(); !slices.Equal(got, []string{"a"}) || q.held != 1 {
			t.Errorf("slow %v: got %v, %d held", slow, got, q.held)
		}
		q.release("a", 1)
		if got := q.drain(); !slices.Equal(got, []string{"b"}) || q.held != 1 || q.slow != 0 {
			t.Errorf("slow %v: after the release: got %v, %d held, %d slow", slow, got, q.held, q.slow)
		}
	}
}

// A place that was given back between asking again and being granted again is
// free, for whoever is next.
func TestAPlaceGivenUpAfterAskingAgainIsFree(t *testing.T) {
	q := newQueue(1)
	q.ask(Acquire{Service: "a", Flight: 1}, nil)
	q.drain()
	q.ask(Acquire{Service: "a", Flight: 1}, nil)
	q.drain()
	q.release("a", 1)
	q.ask(Acquire{Service: "b", Flight: 2}, nil)
	if got := q.drain(); !slices.Equal(got, []string{"b"}) || len(q.entries) != 1 {
		t.Errorf("got %v, %d entries", got, len(q.entries))
	}
}

// Whoever gets a place that nobody wants any more must know where to give it back.
func TestAGrantSaysWhoSentIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system := actor.NewActorSystem()
		defer system.Shutdown()
		gate := system.Root.Spawn(Props(1, &Gauge{}))
		var sender *actor.PID
		asker := system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
			if _, ok := c.Message().(*Granted); ok {
				sender = c.Sender()
			}
		}))
		system.Root.RequestWithCustomSender(gate, &Acquire{Service: "a", Flight: 1}, asker)
		synctest.Wait()
		if !gate.Equal(sender) {
			t.Errorf("sent by %v, want %v", sender, gate)
		}
		system.Root.Stop(gate)
		system.Root.Stop(asker)
		time.Sleep(time.Minute)
	})
}
