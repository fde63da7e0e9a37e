package publisher

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/messages"
)

func event(service string) messages.Event {
	return &messages.TokenRefreshed{Occurrence: messages.Occurrence{Service: service}}
}

// start returns a running publisher that counts what it logs.
func start(t *testing.T) (*Publisher, *actor.ActorSystem, *atomic.Int64) {
	t.Helper()
	system := actor.NewActorSystem()
	logged := &atomic.Int64{}
	p := New(system.Root, Listener{Event: func(messages.Event) { logged.Add(1) }})
	if err := p.Start("publisher"); err != nil {
		t.Fatal(err)
	}
	return p, system, logged
}

func TestEventsReachLogSubscribersAndEventStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, system, logged := start(t)
		var streamed atomic.Int64
		system.EventStream.Subscribe(func(m any) {
			if _, ok := m.(messages.Event); ok {
				streamed.Add(1)
			}
		})
		all := p.Subscribe(t.Context())
		one := p.Subscribe(t.Context(), "erp", "billing")
		for _, service := range []string{"billing", "crm", "erp"} {
			p.Publish(event(service))
		}
		synctest.Wait()
		if logged.Load() != 3 || streamed.Load() != 3 || len(all) != 3 || len(one) != 2 {
			t.Errorf("logged %d, streamed %d, all %d, one %d", logged.Load(), streamed.Load(), len(all), len(one))
		}
		if e := <-one; e.About().Service != "billing" {
			t.Errorf("first of the chosen is %s", e.About().Service)
		}
		p.Stop()
		<-p.Done()
	})
}

func TestSubscriptionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, _ := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		mine, others := p.Subscribe(ctx), p.Subscribe(t.Context())
		cancel()
		synctest.Wait()
		if _, open := <-mine; open {
			t.Error("the channel stays open after its context ended")
		}
		p.Publish(event("billing"))
		p.Stop()
		<-p.Done()
		if e, open := <-others; !open || e.About().Service != "billing" {
			t.Error("what was published before Stop is delivered")
		}
		if _, open := <-others; open {
			t.Error("the channel stays open after Stop")
		}
		if _, open := <-p.Subscribe(t.Context()); open {
			t.Error("a subscription after Stop gets an open channel")
		}
	})
}

func TestASlowSubscriberMissesEventsAndHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, logged := start(t)
		slow := p.Subscribe(t.Context())
		for range SubscriptionBuffer + 10 {
			p.Publish(event("billing"))
		}
		synctest.Wait()
		if len(slow) != SubscriptionBuffer || logged.Load() != SubscriptionBuffer+10 {
			t.Errorf("slow has %d, logged %d", len(slow), logged.Load())
		}
		p.Stop()
		<-p.Done()
	})
}

func TestWhatDoesNotFitTheQueueIsDroppedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system := actor.NewActorSystem()
		stuck := make(chan struct{})
		var dropped []uint64
		p := New(system.Root, Listener{
			Event:   func(messages.Event) { <-stuck },
			Dropped: func(total uint64) { dropped = append(dropped, total) },
		})
		if err := p.Start("publisher"); err != nil {
			t.Fatal(err)
		}
		p.Publish(event("billing"))
		synctest.Wait() // that one is in the hands of the stuck listener
		for range Limit + 5 {
			p.Publish(event("billing"))
		}
		close(stuck)
		p.Stop()
		<-p.Done()
		if len(dropped) != 1 || dropped[0] != 5 || p.Lost() != 5 {
			t.Errorf("told of %v dropped, want once of 5; %d lost", dropped, p.Lost())
		}
	})
}

func TestAPublisherStoppedBySomebodyElseComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, system, logged := start(t)
		events := p.Subscribe(t.Context())
		system.Root.Stop(system.NewLocalPID("publisher"))
		synctest.Wait()
		p.Publish(event("billing"))
		synctest.Wait()
		if logged.Load() != 1 || len(events) != 1 {
			t.Errorf("logged %d, delivered %d", logged.Load(), len(events))
		}
		p.Stop()
		<-p.Done()
	})
}

func TestStopWithoutStart(t *testing.T) {
	p := New(actor.NewActorSystem().Root, Listener{})
	events := p.Subscribe(t.Context())
	p.Stop()
	select {
	case <-p.Done():
	case <-time.After(time.Minute):
		t.Fatal("not done")
	}
	if _, open := <-events; open {
		t.Error("the channel stays open")
	}
}

func TestATakenNameIsAnError(t *testing.T) {
	p, system, _ := start(t)
	defer p.Stop()
	if err := New(system.Root, Listener{}).Start("publisher"); err == nil {
		t.Error("no error")
	}
}
