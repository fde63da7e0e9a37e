package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"tokend/actors/provider"
	"tokend/actors/schedule"
	"tokend/actors/token"
	"tokend/actors/vault"
	"tokend/actors/vault/vaulttest"
	"tokend/messages"
)

// bomb makes whatever actor gets it panic: protoactor calls it on the actor's
// own goroutine.
type bomb struct{ value any }

// GetAutoResponse panics.
func (b bomb) GetAutoResponse(actor.Context) any { panic(b.value) }

// world is a supervisor with what it needs, in a bubble.
type world struct {
	*testing.T
	system    *actor.ActorSystem
	env       *token.Env
	directory Directory
	pid       *actor.PID
	done      chan struct{}
	logs      *test.Hook

	requests atomic.Int64
	mu       sync.Mutex
	events   []messages.Event
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, system: actor.NewActorSystem(), done: make(chan struct{})}
	log, hook := test.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	v, err := vault.New(vault.MemoryPlain)
	if err != nil {
		t.Fatal(err)
	}
	w.logs = hook
	w.env = &token.Env{
		Clock: token.NewClock(nil), Vault: v, Root: w.system.Root, Log: log,
		Publish: w.publish, Roll: func() float64 { return 0 }, Flights: &sync.WaitGroup{}, Numbers: &atomic.Uint64{},
	}
	w.pid = w.system.NewLocalPID("service")
	props := Props(Options{
		Env: w.env, Directory: &w.directory, Done: w.done,
		Child: []actor.PropsOption{Guard(log)},
	}, actor.WithGuardian(Resume()), Guard(log))
	if _, err := w.system.Root.SpawnNamed(props, "service"); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) publish(e messages.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

func (w *world) count(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		if e.Name() == name {
			n++
		}
	}
	return n
}

func (w *world) acquire(context.Context, provider.Request) (provider.Result, error) {
	n := w.requests.Add(1)
	return provider.Result{AccessToken: messages.NewSecret(fmt.Sprint("token-", n)), Lifetime: time.Hour}, nil
}

func (w *world) options() *token.Options {
	return &token.Options{
		Kind: "test", Provider: provider.Func(w.acquire), Waiters: 10, Credential: 1,
		Policy: schedule.Policy{Timeout: 10 * time.Second, WarnBefore: time.Minute, MinTTL: 10 * time.Second},
	}
}

func (w *world) apply(services map[string]*token.Options) error {
	w.Helper()
	reply := make(chan error, 1)
	w.system.Root.Send(w.pid, &Apply{Services: services, Reply: reply})
	select {
	case err := <-reply:
		return err
	case <-time.After(time.Hour):
		w.Fatal("no answer to Apply")
		return nil
	}
}

func (w *world) get(service string) (messages.Token, error) {
	w.Helper()
	slot := w.directory.Lookup(service)
	if slot == nil {
		w.Fatalf("no service %s", service)
	}
	r := slot.Call(&messages.GetToken{Service: service}).Wait(w.Context()).(*messages.TokenReply)
	return r.Token, r.Err
}

func (w *world) stop() {
	w.system.Root.Send(w.pid, &Stop{})
	<-w.done
	w.env.Flights.Wait()
}

func inWorld(t *testing.T, f func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if err := w.apply(map[string]*token.Options{"billing": w.options()}); err != nil {
			t.Fatal(err)
		}
		f(w)
		w.stop()
	})
}

func (w *world) crash(id string) { w.system.Root.Send(w.system.NewLocalPID(id), bomb{"canary-7d"}) }

func TestPausesBetweenRestartsGrowAndAreForgotten(t *testing.T) {
	inWorld(t, func(w *world) {
		if _, err := w.get("billing"); err != nil {
			t.Fatal(err)
		}
		// With a roll of 0 the pauses are half of 100 ms, 200 ms, … 30 s.
		want := []time.Duration{0, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000}
		for i, ms := range want {
			w.crash("service/billing")
			synctest.Wait()
			pause := ms * time.Millisecond
			if i >= 10 {
				pause = 15 * time.Second
			}
			if pause > 0 {
				time.Sleep(pause - time.Nanosecond)
				synctest.Wait()
				if got := w.count("actor_restarted"); got != i {
					t.Fatalf("restart %d came before its pause of %v: %d restarts", i+1, pause, got)
				}
				if tok, err := w.get("billing"); err != nil || tok.Value() != "token-1" {
					t.Fatalf("while down: %v, %v", tok.Value(), err)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
			}
			if got := w.count("actor_restarted"); got != i+1 {
				t.Fatalf("%d restarts after crash %d and its pause of %v", got, i+1, pause)
			}
		}
		time.Sleep(wellAfter + time.Second)
		w.crash("service/billing")
		synctest.Wait()
		last := w.events[len(w.events)-1].(*messages.ActorRestarted)
		if last.Restarts != 1 || last.Pause != 0 {
			t.Errorf("after a minute without a crash: %+v", last)
		}
		if w.requests.Load() != 1 {
			t.Errorf("%d requests", w.requests.Load())
		}
	})
}

func TestACrashIsLoggedWithItsStackAndWithoutItsText(t *testing.T) {
	inWorld(t, func(w *world) {
		w.crash("service/billing")
		synctest.Wait()
		var found *logrus.Entry
		for _, e := range w.logs.AllEntries() {
			if strings.Contains(fmt.Sprint(e.Data, e.Message), "canary-7d") {
				t.Errorf("the panic's text is in the log: %v", e)
			}
			if e.Message == "actor crashed" {
				found = e
			}
		}
		if found == nil || found.Data["actor"] != "service/billing" || found.Data["reason"] != "panic of type string" {
			t.Fatalf("log entry %+v", found)
		}
		if stack, _ := found.Data["stack"].(string); !strings.Contains(stack, "GetAutoResponse") {
			t.Error("the stack does not show where")
		}
	})
}

func TestARuntimeErrorIsNamed(t *testing.T) {
	var m map[string]int
	err := func() (err any) {
		defer func() { err = recover() }()
		m["a"] = 1
		return nil
	}()
	if got := describe(err).Error(); got != "assignment to entry in nil map" {
		t.Errorf("describe = %q", got)
	}
	if got := describe(errors.New("secret")).Error(); got != "panic of type *errors.errorString" {
		t.Errorf("describe = %q", got)
	}
	if got := describe(describe(err)).Error(); got != "assignment to entry in nil map" {
		t.Errorf("describe twice = %q", got)
	}
}

func TestTheSupervisorGoesOnAfterACrash(t *testing.T) {
	inWorld(t, func(w *world) {
		if _, err := w.get("billing"); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			w.crash("service")
		}
		synctest.Wait()
		billing := w.directory.Lookup("billing")
		if err := w.apply(map[string]*token.Options{"billing": billing.Options(), "erp": w.options()}); err != nil {
			t.Fatal(err)
		}
		if tok, err := w.get("billing"); err != nil || tok.Value() != "token-1" {
			t.Errorf("%v, %v", tok.Value(), err)
		}
		if tok, err := w.get("erp"); err != nil || tok.Value() != "token-2" {
			t.Errorf("%v, %v", tok.Value(), err)
		}
	})
}

// brokenStore panics where the supervisor is in the middle of a job.
type brokenStore struct {
	vaulttest.Memory
	panics atomic.Bool
}

func (s *brokenStore) Load(k vault.Key) (*vault.Record, error) {
	if s.panics.Load() {
		panic("canary-7d")
	}
	return s.Memory.Load(k)
}

func TestAJobThatCrashesIsNotInTheWayOfTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		store := &brokenStore{}
		w.env.Store = store
		store.panics.Store(true)
		if err := w.apply(map[string]*token.Options{"billing": w.options()}); !errors.Is(err, errJobCrashed) {
			t.Errorf("err = %v", err)
		}
		store.panics.Store(false)
		if err := w.apply(map[string]*token.Options{"billing": w.options()}); err != nil {
			t.Error(err)
		}
		if _, err := w.get("billing"); err != nil {
			t.Error(err)
		}
		w.stop()
	})
}

// failingStore cannot be read.
type failingStore struct{ vaulttest.Memory }

func (*failingStore) Load(vault.Key) (*vault.Record, error) { return nil, errors.New("disk on fire") }

func TestAServiceThatCannotBeStartedIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.env.Store = &failingStore{}
		err := w.apply(map[string]*token.Options{"billing": w.options()})
		if e, ok := errors.AsType[*messages.Error](err); !ok || e.Service != "billing" || !strings.Contains(err.Error(), "disk on fire") {
			t.Errorf("err = %v", err)
		}
		w.stop()
	})
}

func TestAnActorStoppedByItsHostComesBack(t *testing.T) {
	inWorld(t, func(w *world) {
		if _, err := w.get("billing"); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			w.system.Root.Stop(w.system.NewLocalPID("service/billing"))
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if tok, err := w.get("billing"); err != nil || tok.Value() != "token-1" || w.requests.Load() != 1 {
			t.Errorf("%v, %v, %d requests", tok.Value(), err, w.requests.Load())
		}
		if got := w.count("actor_restarted"); got != 3 {
			t.Errorf("%d restarts reported", got)
		}
	})
}

func TestRemovedAndAddedAgainInOneGo(t *testing.T) {
	inWorld(t, func(w *world) {
		if _, err := w.get("billing"); err != nil {
			t.Fatal(err)
		}
		replies := make(chan error, 3)
		for _, services := range []map[string]*token.Options{{}, {"billing": w.options()}, {"billing": w.options()}} {
			w.system.Root.Send(w.pid, &Apply{Services: services, Reply: replies})
		}
		for range 3 {
			if err := <-replies; err != nil {
				t.Error(err)
			}
		}
		if tok, err := w.get("billing"); err != nil || tok.Value() != "token-2" || tok.Generation != 1 {
			t.Errorf("%v, %v", tok.Value(), err)
		}
		if got := w.count("service_removed"); got != 1 {
			t.Errorf("%d services reported removed", got)
		}
	})
}

func TestAServiceThatIsDownCanBeRemovedAndStopped(t *testing.T) {
	for name, remove := range map[string]bool{"removed": true, "stopped": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				for range 3 {
					w.crash("service/billing")
					synctest.Wait()
					time.Sleep(60 * time.Millisecond)
				}
				slot := w.directory.Lookup("billing")
				if remove {
					if err := w.apply(nil); err != nil {
						t.Error(err)
					}
					r := slot.Call(&messages.GetToken{Service: "billing"}).Wait(w.Context()).(*messages.TokenReply)
					if !errors.Is(r.Err, messages.ErrUnknownService) {
						t.Errorf("err = %v", r.Err)
					}
				}
			})
		})
	}
}

func TestACallerIsToldThatItsServiceEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		o := w.options()
		o.Provider = provider.Func(func(ctx context.Context, _ provider.Request) (provider.Result, error) {
			<-ctx.Done()
			return provider.Result{}, ctx.Err()
		})
		if err := w.apply(map[string]*token.Options{"slow": o}); err != nil {
			t.Fatal(err)
		}
		call := w.directory.Lookup("slow").Call(&messages.GetToken{Service: "slow"})
		synctest.Wait()
		if err := w.apply(nil); err != nil {
			t.Fatal(err)
		}
		if r := call.Wait(w.Context()).(*messages.TokenReply); !errors.Is(r.Err, messages.ErrUnknownService) {
			t.Errorf("err = %v", r.Err)
		}
	})
}

func TestListServices(t *testing.T) {
	inWorld(t, func(w *world) {
		if err := w.apply(map[string]*token.Options{"b": w.options(), "a": w.options(), "c": w.options()}); err != nil {
			t.Fatal(err)
		}
		reply, err := w.system.Root.RequestFuture(w.pid, &messages.ListServices{}, time.Second).Result()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, info := range reply.(*messages.ServicesReply).Services {
			names = append(names, info.Service)
		}
		if got := strings.Join(names, ""); got != "abc" {
			t.Errorf("services %v", names)
		}
	})
}

func TestAnEmptyDirectoryHasNothing(t *testing.T) {
	var d Directory
	if d.Lookup("billing") != nil || len(d.Infos()) != 0 {
		t.Error("found something")
	}
}

func TestNodesThatShareAStoreTakeUpWhatTheOtherSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, other, store := newWorld(t), newWorld(t), &vaulttest.Memory{}
		for _, w := range []*world{one, other} {
			w.env.Store = store
			if err := w.apply(map[string]*token.Options{"billing": w.options()}); err != nil {
				t.Fatal(err)
			}
		}
		if tok, err := one.get("billing"); err != nil || tok.Value() != "token-1" {
			t.Fatalf("%v, %v", tok.Value(), err)
		}
		synctest.Wait()
		if tok, err := other.get("billing"); err != nil || tok.Value() != "token-1" || other.requests.Load() != 0 {
			t.Errorf("%v, %v after %d requests", tok.Value(), err, other.requests.Load())
		}
		store.Save(&vault.Record{Key: vault.Key{Service: "unknown"}, Revision: 1})
		store.Save(&vault.Record{Key: vault.Key{Service: "billing", Variant: "v"}, Revision: 99})
		synctest.Wait()
		other.stop()
		store.Save(&vault.Record{Key: vault.Key{Service: "billing"}, Revision: 1})
		one.stop()
	})
}
