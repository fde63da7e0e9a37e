package token

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus/hooks/test"

	"tokend/actors/provider"
	"tokend/actors/schedule"
	"tokend/actors/vault"
	"tokend/actors/vault/vaulttest"
	"tokend/messages"
)

// harness is one service with its actor, in a bubble.
type harness struct {
	*testing.T
	system *actor.ActorSystem
	env    *Env
	slot   *Slot
	script func(ctx context.Context, n int, req provider.Request) (provider.Result, error)

	mu     sync.Mutex
	calls  []time.Time
	events []messages.Event
}

// bubble runs f with a service that gets tokens of an hour.
func bubble(t *testing.T, f func(*harness), edit ...func(*harness, *Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, edit...)
		h.start()
		f(h)
		h.stop()
	})
}

func newHarness(t *testing.T, edit ...func(*harness, *Options)) *harness {
	t.Helper()
	h := &harness{T: t, system: actor.NewActorSystem()}
	h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
		return issue(n, time.Hour), nil
	}
	v, err := vault.New(vault.MemorySealed)
	if err != nil {
		t.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	h.env = &Env{
		Clock: NewClock(nil), Vault: v, Store: &vaulttest.Memory{}, Root: h.system.Root, Log: log,
		Publish: h.publish, Roll: func() float64 { return 0.5 }, Flights: &sync.WaitGroup{}, Numbers: &atomic.Uint64{},
		Timings: &Timings{},
	}
	o := &Options{
		Kind: "test", Provider: provider.Func(h.acquire), Waiters: 10, Credential: 1, Required: true,
		Policy: schedule.Policy{Timeout: 10 * time.Second, WarnBefore: 5 * time.Minute, MinTTL: 10 * time.Second},
	}
	for _, e := range edit {
		e(h, o)
	}
	h.slot, err = NewSlot("billing", h.system.NewLocalPID("service/billing"), h.env, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *harness) start() {
	h.Helper()
	if _, err := h.system.Root.SpawnNamed(Props(h.slot), "service/billing"); err != nil {
		h.Fatal(err)
	}
	synctest.Wait()
}

// stop ends the service as a supervisor does.
func (h *harness) stop() {
	h.slot.End(messages.ErrStopped)
	h.system.Root.Poison(h.slot.PID())
	synctest.Wait()
	h.slot.Gone()
	h.env.Flights.Wait()
}

func (h *harness) acquire(ctx context.Context, req provider.Request) (provider.Result, error) {
	h.mu.Lock()
	h.calls = append(h.calls, time.Now())
	n, script := len(h.calls), h.script
	h.mu.Unlock()
	return script(ctx, n, req)
}

// play makes the IdP answer by another script from now on.
func (h *harness) play(script func(context.Context, int, provider.Request) (provider.Result, error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.script = script
}

func (h *harness) publish(e messages.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *harness) requests() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.calls)
}

// count returns how many events of that name were published.
func (h *harness) count(name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, e := range h.events {
		if e.Name() == name {
			n++
		}
	}
	return n
}

// get asks the actor, not the snapshot.
func (h *harness) get(ctx context.Context, minTTL time.Duration) (messages.Token, error) {
	r := h.slot.Call(&messages.GetToken{Service: "billing", MinTTL: minTTL}).Wait(ctx).(*messages.TokenReply)
	return r.Token, r.Err
}

func (h *harness) mustGet() messages.Token {
	h.Helper()
	tok, err := h.get(h.Context(), 0)
	if err != nil {
		h.Fatal(err)
	}
	return tok
}

func (h *harness) refresh() error {
	r := h.slot.Call(&messages.RefreshToken{Service: "billing"}).Wait(h.Context()).(*messages.TokenInfoReply)
	return r.Err
}

func (h *harness) wantState(want string) {
	h.Helper()
	if got := h.slot.Info().State; got != want {
		h.Errorf("state %s, want %s", got, want)
	}
}

func (h *harness) wantRequests(want int) {
	h.Helper()
	if got := h.requests(); got != want {
		h.Errorf("%d requests, want %d", got, want)
	}
}

func issue(n int, life time.Duration) provider.Result {
	return provider.Result{AccessToken: messages.NewSecret(fmt.Sprintf("token-%d", n)), Lifetime: life}
}

// down is what an IdP says that is not there.
func down(class string) error { return &provider.Error{Class: class, Text: "down for the test"} }
