package gate

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// crossing is two gates in a bubble, and flights that have passes.
type crossing struct {
	*testing.T
	system    *actor.ActorSystem
	here, far *actor.PID
	gauges    [2]Gauge
}

func cross(t *testing.T, do func(c *crossing)) {
	synctest.Test(t, func(t *testing.T) {
		c := &crossing{T: t, system: actor.NewActorSystem()}
		defer c.system.Shutdown()
		c.here = c.system.Root.Spawn(Props(2, &c.gauges[0]))
		c.far = c.system.Root.Spawn(Props(1, &c.gauges[1]))
		do(c)
		c.system.Root.Stop(c.here)
		c.system.Root.Stop(c.far)
		time.Sleep(time.Minute)
	})
}

// pass returns that of a flight which has a place here.
func (c *crossing) pass(service string, flight uint64) *Pass {
	p := &Pass{Root: c.system.Root, Service: service, Flight: flight, Waiting: func() bool { return true }}
	if err := p.Change(c.Context(), c.here); err != nil {
		c.Error(err)
	}
	return p
}

// counts wants so many places to be taken, and flights to wait for one.
func (c *crossing) counts(what string, hereTaken, farTaken, farQueued int64) {
	c.Helper()
	synctest.Wait()
	got := [3]int64{c.gauges[0].InFlight.Load(), c.gauges[1].InFlight.Load(), c.gauges[1].Queued.Load()}
	if want := [3]int64{hereTaken, farTaken, farQueued}; got != want {
		c.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestAFlightHasOnePlaceAtATime(t *testing.T) {
	cross(t, func(c *crossing) {
		a, b := c.pass("a", 1), c.pass("b", 2)
		c.counts("both are here", 2, 0, 0)
		if err := a.Change(c.Context(), c.far); err != nil {
			c.Error(err)
		}
		if err := a.Change(c.Context(), c.far); err != nil { // where it is
			c.Error(err)
		}
		c.counts("one went on", 1, 1, 0)
		arrived := make(chan error, 1)
		go func() { arrived <- b.Change(c.Context(), c.far) }()
		c.counts("the other waits, and nowhere else", 0, 1, 1)
		a.Leave()
		a.Leave()
		if err := <-arrived; err != nil {
			c.Error(err)
		}
		c.counts("the other is there", 0, 1, 0)
		if err := b.Change(c.Context(), nil); err != nil {
			c.Error(err)
		}
		c.counts("it goes where there is no gate", 0, 0, 0)
	})
}

func TestAFlightThatWaitsTooLongHasNoPlace(t *testing.T) {
	cross(t, func(c *crossing) {
		a, b := c.pass("a", 1), c.pass("b", 2)
		if err := a.Change(c.Context(), c.far); err != nil {
			c.Error(err)
		}
		ctx, cancel := context.WithTimeout(c.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := b.Change(ctx, c.far); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			c.Errorf("%v after %s", err, time.Since(began))
		}
		c.counts("it has given up", 0, 1, 0)
		a.Leave()
		c.counts("and gets nothing any more", 0, 0, 0)
	})
}

// A caller who comes while a flight waits for its place gets it there before others.
func TestAFlightIsHastenedWhileItWaits(t *testing.T) {
	cross(t, func(c *crossing) {
		holder := c.pass("holder", 1)
		if err := holder.Change(c.Context(), c.far); err != nil {
			c.Error(err)
		}
		var wanted atomic.Bool
		arrived := make(chan *Pass)
		for i, service := range []string{"first", "second"} {
			p := &Pass{Root: c.system.Root, Service: service, Flight: uint64(i + 2)}
			p.Waiting = func() bool { return service == "second" && wanted.Load() }
			go func() {
				if err := p.Change(c.Context(), c.far); err != nil {
					c.Error(err)
				}
				arrived <- p
			}()
			c.counts(service+" waits", 0, 1, int64(i+1))
		}
		wanted.Store(true)
		time.Sleep(lookAgain)
		synctest.Wait()
		holder.Leave()
		for _, want := range []string{"second", "first"} {
			p := <-arrived
			if p.Service != want {
				c.Errorf("%s comes before %s", p.Service, want)
			}
			p.Leave()
		}
		c.counts("all have gone", 0, 0, 0)
	})
}

// A flight that does not return must not take a place from others for ever.
func TestAFlightThatIsOverdueHasNoPlace(t *testing.T) {
	cross(t, func(c *crossing) {
		ctx, cancel := context.WithTimeout(c.Context(), time.Second)
		defer cancel()
		a := c.pass("a", 1)
		a.Grace = time.Minute
		if err := a.Change(ctx, c.far); err != nil {
			c.Error(err)
		}
		time.Sleep(time.Second + time.Minute - time.Nanosecond)
		c.counts("it may return yet", 0, 1, 0)
		time.Sleep(time.Nanosecond)
		c.counts("it hangs", 0, 0, 0)
		a.Leave()
		c.counts("it has returned after all", 0, 0, 0)
	})
}

func TestAContextHasThePassOfItsFlight(t *testing.T) {
	p := &Pass{}
	if PassOf(WithPass(t.Context(), p)) != p || PassOf(t.Context()) != nil {
		t.Error("another one")
	}
}

// TestAGateTellsOnceThatItIsIdle retires it while it is busy and while it is not.
func TestAGateTellsOnceThatItIsIdle(t *testing.T) {
	cross(t, func(c *crossing) {
		told := 0
		retire := func() { c.system.Root.Send(c.here, &Retire{Idle: func() { told++ }}) }
		idle := func(what string, want int) {
			c.Helper()
			synctest.Wait()
			if told != want {
				c.Errorf("%s: told %d times, want %d", what, told, want)
			}
		}
		retire()
		idle("nobody is there", 1)
		a, b := c.pass("a", 1), c.pass("b", 2)
		idle("nobody asks", 1)
		retire()
		a.Leave()
		idle("one is left", 1)
		b.Leave()
		idle("nobody is left", 2)
		c.pass("a", 3).Leave()
		idle("nobody asks", 2)
	})
}

// An actor that asks once more for a place which it has is told once more; a channel
// that nobody reads holds up nobody.
func TestAGrantIsNotWaitedFor(t *testing.T) {
	cross(t, func(c *crossing) {
		granted := make(chan struct{}, 1)
		for range 3 {
			c.system.Root.Send(c.far, &Acquire{Service: "a", Flight: 1, Granted: granted})
		}
		c.counts("it has its place", 0, 1, 0)
		if len(granted) != 1 {
			c.Errorf("%d grants", len(granted))
		}
	})
}
