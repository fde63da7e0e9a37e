package system

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/supervisor"
	"tokend/messages"
)

func TestASystemWhoseActorsHangIsNotAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := started(t, staticServices(map[string]string{"a": "1"}))
		alive := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return sys.Alive(ctx)
		}
		if err := alive(); err != nil {
			t.Error(err)
		}
		stuck := make(chan error) // without room, so that the actor waits
		sys.actors.Root.Send(sys.supervisor, &supervisor.Apply{Services: sys.services.Load().options(&sys.gates), Reply: stuck})
		if err := alive(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while it hangs: %v", err)
		}
		if !sys.Readiness().Ready {
			t.Error("what is published has changed")
		}
		if err := <-stuck; err != nil {
			t.Error(err)
		}
		if err := alive(); err != nil {
			t.Errorf("after that: %v", err)
		}
	})
}

func TestASystemWhoseActorsAreStoppedIsNotAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := started(t, staticServices(nil))
		stuck, asked := make(chan error), make(chan error, 1)
		sys.actors.Root.Send(sys.supervisor, &supervisor.Apply{Services: sys.services.Load().options(&sys.gates), Reply: stuck})
		go func() { asked <- sys.Alive(context.Background()) }()
		synctest.Wait()
		sys.actors.Root.Stop(sys.supervisor) // as a host can; without services to end first, at once
		<-stuck
		if err := <-asked; !errors.Is(err, messages.ErrStopped) {
			t.Errorf("%v", err)
		}
	})
}

func TestASystemThatDoesNotRunIsNotAlive(t *testing.T) {
	sys := newSystem(t, staticServices(map[string]string{"a": "1"}))
	if err := sys.Alive(t.Context()); !errors.Is(err, messages.ErrStopped) {
		t.Errorf("before: %v", err)
	}
	start(t, sys)
	if err := sys.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sys.Alive(t.Context()); !errors.Is(err, messages.ErrStopped) {
		t.Errorf("after: %v", err)
	}
}
