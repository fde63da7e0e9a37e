package tests

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// A command may reach the router while the service it is about is there, and its
// mailbox when it is not. This and the next are no bubbles: it is real goroutines
// that race.
func TestCommandsThatRaceWithApplyAreAllAnswered(t *testing.T) {
	w := begin(t, idptest.New(), setup{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var asked atomic.Int64
	racing := func() bool { return ctx.Err() == nil || asked.Load() < 100 && !t.Failed() } // nothing races before
	var all sync.WaitGroup
	all.Go(func() {
		for racing() {
			for _, cfg := range []*config.Config{w.changed(withoutBilling), w.cfg} {
				if err := w.sys.Apply(t.Context(), cfg); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for _, command := range []messages.Command{
		&messages.GetToken{Service: billing}, &messages.GetTokenInfo{Service: billing},
		&messages.RefreshToken{Service: billing}, &messages.InvalidateToken{Service: billing},
	} {
		all.Go(func() {
			for racing() {
				asked.Add(1)
				reply, err := w.sys.ActorSystem().Root.RequestFuture(w.sys.PID(), command, time.Minute).Result()
				if _, ok := reply.(messages.Reply); !ok || err != nil {
					t.Errorf("%T answered by %T, %v", command, reply, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// Short lives, a bad IdP, crashes, reconfiguration and impatient callers, all at
// the same time. Whatever comes of it, no caller gets a dead token, a typed error
// says why there is none, and in the end nothing is left.
func TestP9NothingIsLeftOfATurmoil(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	tm := newTurmoil(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				tm.act(ctx)
			}
		})
	}
	all.Go(func() { tm.reconfigure(ctx) })
	all.Wait()
	for range 4 { // at the same time
		all.Go(func() {
			if err := tm.sys.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	tm.checkPeace()
}

// turmoil is a world in which nothing stays as it is.
type turmoil struct {
	*world

	names []string
}

func newTurmoil(t *testing.T) *turmoil {
	t.Helper()
	idp := idptest.New()
	tm := &turmoil{names: []string{"a", "b", "c", "d", "e", "f"}}
	for _, name := range tm.names {
		idp.Play(name, idptest.Token(30*time.Millisecond), idptest.After(20*time.Millisecond, idptest.Token(300*time.Millisecond)),
			idptest.Fail(messages.ClassTransient), idptest.Hang(), idptest.Token(100*time.Millisecond))
	}
	tm.world = prepare(t, idp, setup{services: tm.services(0)})
	if err := tm.sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return tm
}

// services returns all services but one, on two hosts, as they are the nth time.
func (tm *turmoil) services(n int) map[string]config.Service {
	services := make(map[string]config.Service)
	for i, name := range tm.names {
		if n > 0 && i == n%len(tm.names) {
			continue
		}
		s := scripted(config.Settings{
			Timeout: new(200 * time.Millisecond), WarnAlways: new(n%2 == 0), Eager: new(i%2 == 0),
		})
		s.Options = config.NewTree(map[string]any{"host": []string{"one.test:443", "two.test:443"}[i%2], "turn": n / 2})
		services[name] = s
	}
	return services
}

func (tm *turmoil) reconfigure(ctx context.Context) {
	for n := 1; ctx.Err() == nil; n++ {
		err := tm.sys.Apply(ctx, tm.changed(func(s map[string]config.Service) {
			clear(s)
			maps.Copy(s, tm.services(n))
		}))
		if err != nil && ctx.Err() == nil {
			tm.Errorf("apply: %v", err)
		}
	}
}

// act does something to a service, with little patience.
func (tm *turmoil) act(ctx context.Context) {
	name := tm.names[rand.IntN(len(tm.names))]
	ctx, cancel := context.WithTimeout(ctx, rand.N(200*time.Millisecond))
	defer cancel()
	switch rand.IntN(10) {
	case 0:
		tm.typed(tm.sys.Refresh(ctx, name))
	case 1:
		_, err := tm.sys.Invalidate(ctx, name, "")
		tm.typed(err)
	case 2:
		tm.kill("service/" + name)
	case 3:
		tm.kill(tm.others()[0])
	case 4:
		for range tm.sys.Subscribe(ctx, name) { // until its context ends
		}
	case 5:
		tm.sys.Readiness()
		tm.sys.List()
	default:
		tm.read(ctx, name)
	}
}

// read reads a token and looks whether it lived when the call began: by when it
// returns, a real clock has gone on.
func (tm *turmoil) read(ctx context.Context, name string) {
	asked := time.Now()
	tok, err := tm.sys.TokenMinTTL(ctx, name, rand.N(100*time.Millisecond))
	tm.typed(err)
	if err == nil && !tok.ExpiresAt.After(asked) {
		tm.Errorf("%s: a token that had died %v before it was asked for", name, asked.Sub(tok.ExpiresAt))
	}
	if err == nil && !slices.ContainsFunc(tm.idp.Issued(name), func(i idptest.Issue) bool { return i.Fingerprint == tok.Fingerprint }) {
		tm.Errorf("%s: a token that was never issued to it", name)
	}
}

// typed checks that an error is one that callers can tell apart.
func (tm *turmoil) typed(err error) {
	if _, ok := errors.AsType[*messages.Error](err); err != nil && !ok {
		tm.Errorf("%v (%T)", err, err)
	}
}
