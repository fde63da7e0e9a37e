package tests

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// crowd is how many callers may wait for one service.
const crowd = 10_000

// outcome is what one caller got.
type outcome struct {
	fingerprint string
	err         error
	at          time.Time
}

// callers has n callers ask for billing's token, each by ask; the channel holds
// what they got.
func callers(n int, ask func() (string, error)) <-chan outcome {
	got := make(chan outcome, n)
	for range n {
		go func() {
			fp, err := ask()
			got <- outcome{fp, err, time.Now()}
		}()
	}
	synctest.Wait()
	return got
}

func (w *world) asking(ctx context.Context) func() (string, error) {
	return func() (string, error) { return named(w.sys.Token(ctx, billing)) }
}

func TestP3TenThousandCallersCostOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(2*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{})
		got := callers(crowd, w.asking(t.Context()))
		pass(2 * time.Second)
		want := w.token(billing).Fingerprint
		for range crowd {
			if o := <-got; o.err != nil || o.fingerprint != want {
				t.Fatalf("a caller got %q, %v, want %q", o.fingerprint, o.err, want)
			}
		}
		w.calls(billing, 1)
	})
}

func TestP3EveryDoorJoinsTheOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(2*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{})
		var all sync.WaitGroup
		for name, open := range doors {
			for range 20 {
				all.Go(func() {
					if _, err := open(t.Context(), w, billing); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
		}
		all.Go(func() {
			if err := w.sys.Refresh(t.Context(), billing); err != nil {
				t.Errorf("Refresh: %v", err)
			}
		})
		all.Wait()
		w.calls(billing, 1)
	})
}

func TestP3WaitersAreBounded(t *testing.T) {
	tests := map[string]struct{ limit, waiters int }{
		"ten thousand without a word": {0, crowd},
		"as configured":               {7, 7},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.After(8*time.Second, idptest.Token(time.Hour)))
				w := begin(t, idp, setup{limits: config.Limits{WaitersPerService: tc.limit}})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				leaving := callers(tc.waiters/2, w.asking(ctx))
				staying := callers(tc.waiters-tc.waiters/2, w.asking(t.Context()))
				if e := w.refused(billing, messages.ErrOverloaded); e.Service != billing {
					t.Errorf("of service %q", e.Service)
				}

				pass(time.Second)
				wantError(t, (<-leaving).err, messages.ErrTimeout)
				late := callers(1, w.asking(t.Context()))
				pass(8 * time.Second)
				for range cap(staying) {
					if o := <-staying; o.err != nil {
						t.Fatal(o.err)
					}
				}
				if o := <-late; o.err != nil {
					t.Errorf("places of those who left are not free: %v", o.err)
				}
				w.calls(billing, 1)
			})
		})
	}
}

func TestP3ADroppedWaiterFreesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(8*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{limits: config.Limits{WaitersPerService: 1}})
		deadline := time.Now().Add(3 * time.Second)
		byMessage := func() (string, error) {
			reply := ask[*messages.TokenReply](w, &messages.GetToken{Service: billing, Deadline: deadline})
			return named(reply.Token, reply.Err)
		}
		first := callers(1, byMessage)
		justBefore(deadline)
		w.refused(billing, messages.ErrOverloaded)
		pass(time.Nanosecond)
		o := <-first
		wantError(t, o.err, messages.ErrTimeout)
		if !o.at.Equal(deadline) {
			t.Errorf("answered at %v, want %v", o.at, deadline)
		}
		second := callers(1, w.asking(t.Context()))
		if o := <-second; o.err != nil {
			t.Error(o.err)
		}
		w.calls(billing, 1)
	})
}

func TestP3AnAcquisitionThatHearsNoDeadlineIsNotDoubled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Deaf(5*time.Minute, idptest.Token(time.Hour)), idptest.Token(time.Hour))
		w := begin(t, idp, setup{})
		for range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			start := time.Now()
			_, err := w.sys.Token(ctx, billing)
			cancel()
			if took := time.Since(start); err == nil && sinceStart() < 5*time.Minute || took > 20*time.Second {
				t.Fatalf("after %v: %v, took %v", sinceStart(), err, took)
			}
			pass(3 * time.Second)
			_ = w.sys.Refresh(overdue(t), billing)
		}
		w.token(billing)
		if _, one := idp.Peak(); one != 1 {
			t.Errorf("%d acquisitions at once", one)
		}
	})
}

// overdue returns a context whose deadline is now.
func overdue(t *testing.T) context.Context {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	t.Cleanup(cancel)
	return ctx
}

func TestP3NoCallerCausesMoreThanOneAcquisitionASecond(t *testing.T) {
	loops := map[string]func(ctx context.Context, w *world){
		"Refresh":                   func(ctx context.Context, w *world) { _ = w.sys.Refresh(ctx, billing) },
		"Token with a huge MinTTL":  func(ctx context.Context, w *world) { _, _ = w.sys.TokenMinTTL(ctx, billing, 24*time.Hour) },
		"Tokens with a huge MinTTL": func(ctx context.Context, w *world) { _, _ = w.sys.TokensByName(ctx, 24*time.Hour, billing, billing) },
		"Invalidate":                func(ctx context.Context, w *world) { _, _ = w.sys.Invalidate(ctx, billing, "") },
		"Invalidate what was got": func(ctx context.Context, w *world) {
			if tok, err := w.sys.Token(ctx, billing); err == nil {
				_, _ = w.sys.Invalidate(ctx, billing, tok.Fingerprint)
			}
		},
		"RefreshToken": func(_ context.Context, w *world) {
			ask[*messages.TokenInfoReply](w, &messages.RefreshToken{Service: billing})
		},
	}
	all := func(ctx context.Context, w *world) {
		for _, do := range loops {
			do(ctx, w)
		}
	}
	for name, do := range loops {
		t.Run(name, func(t *testing.T) { hammer(t, do) })
	}
	t.Run("all of them", func(t *testing.T) { hammer(t, all) })
}

// hammer has ten callers do what they can to cause acquisitions for five minutes.
// The token lives for so long that the timer has no reason to.
func hammer(t *testing.T, do func(context.Context, *world)) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(24*time.Hour))
		w := begin(t, idp, setup{})
		w.token(billing)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				for ctx.Err() == nil {
					do(ctx, w)
					time.Sleep(70 * time.Millisecond)
				}
			})
		}
		all.Wait()
		calls := idp.Calls(billing)
		for i, at := range calls[1:] {
			if gap := at.Sub(calls[i]); gap < time.Second {
				t.Fatalf("acquisition %d came %v after the one before", i+2, gap)
			}
		}
	})
}

func TestP3ABurstOfRefusalsCostsOneAcquisition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Hour), idptest.After(2*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{})
		tape := w.tape()
		old := w.token(billing)
		pass(10 * time.Minute)

		var invalidated sync.Map
		var all sync.WaitGroup
		for i := range 1000 {
			all.Go(func() {
				ok, err := w.sys.Invalidate(t.Context(), billing, old.Fingerprint)
				if err != nil {
					t.Error(err)
				}
				invalidated.Store(i, ok)
			})
		}
		all.Wait()
		w.calls(billing, 2)
		if w.token(billing).Fingerprint == old.Fingerprint {
			t.Error("the refused token is still handed out")
		}
		if first, _ := invalidated.Load(0); first != true {
			t.Error("the first to say so was told that nothing happened")
		}
		if n := len(taped[*messages.TokenInvalidated](tape)); n != 1 {
			t.Errorf("%d invalidations published", n)
		}
		w.atOnce("a stale fingerprint", func() {
			if ok, err := w.sys.Invalidate(t.Context(), billing, old.Fingerprint); ok || err != nil {
				t.Errorf("a stale fingerprint: %v, %v", ok, err)
			}
		})
		w.calls(billing, 2)
	})
}

func TestP3AnInvalidatedTokenIsNotHandedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Hour), idptest.Fail(messages.ClassRejected))
		w := begin(t, idp, setup{})
		old := w.token(billing)
		pass(10 * time.Minute)
		ok, err := w.sys.Invalidate(t.Context(), billing, "")
		if !ok {
			t.Errorf("invalidated is %v, %v", ok, err)
		}
		w.state(billing, messages.StateExpired)
		w.ready(false)
		w.refused(billing, messages.ErrRejected)
		idp.Play(billing, idptest.Token(time.Hour))
		pass(30 * time.Second)
		if tok := w.token(billing); tok.Generation != old.Generation+1 {
			t.Errorf("generation %d", tok.Generation)
		}
	})
}

// What one server refuses others may take: while no other token can be had, all doors
// hand it out, and its info says what is wrong with it.
func TestARefusedTokenServesWhileNoOtherCanBeHad(t *testing.T) {
	for name, step := range map[string]idptest.Step{
		"transient":      idptest.Fail(messages.ClassTransient),
		"malformed":      idptest.Fail(messages.ClassMalformed),
		"throttled":      idptest.Throttle(messages.ClassThrottled, time.Minute),
		"ambiguous":      idptest.Fail(messages.ClassAmbiguous),
		"panic":          idptest.Panic("no"),
		"silence":        idptest.Hang(),
		"no lifetime":    idptest.Bare(),
		"a leaky answer": idptest.Leak(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(time.Hour), step)
				w := begin(t, idp, setup{})
				old := w.token(billing)
				pass(10 * time.Minute)
				if ok, err := w.sys.Invalidate(t.Context(), billing, old.Fingerprint); ok || err != nil {
					t.Errorf("invalidated is %v, %v, though it serves on", ok, err)
				}
				if info := w.info(billing); !info.Suspect || info.State != messages.StateDegraded || info.LastError == nil {
					t.Errorf("%+v", info)
				}
				w.ready(true)
				for door, knock := range doors {
					value, err := knock(t.Context(), w, billing)
					if err != nil || value != old.Fingerprint {
						t.Errorf("%s: another token, or %v", door, err)
					}
				}
				idp.Play(billing, idptest.Token(time.Hour))
				pass(2 * time.Minute)
				if tok := w.token(billing); tok.Generation != old.Generation+1 || w.info(billing).Suspect {
					t.Errorf("%v, %+v", tok, w.info(billing))
				}
			})
		})
	}
}

func TestP3AServiceThatRefusesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Hour))
		w := begin(t, idp, setup{})
		for range int(24 * time.Hour / time.Second) {
			tok := w.token(billing)
			if _, err := w.sys.Invalidate(t.Context(), billing, tok.Fingerprint); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
		}
		// 1 s doubling to 5 min: nine short pauses, then one acquisition every five
		// minutes.
		if got := idp.Count(billing); got < 250 || got > 310 {
			t.Errorf("%d acquisitions in a day, want about 297", got)
		}
	})
}

func TestP3TheSameTokenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Cached(time.Hour))
		w := begin(t, idp, setup{})
		tape := w.tape()
		first := w.token(billing)
		birth := w.info(billing)
		for time.Now().Before(first.CreatedAt.Add(24 * time.Hour)) {
			w.token(billing)
			if info := w.info(billing); info.Generation == 1 {
				checkSameSchedule(w, birth, info)
			}
			pass(10 * time.Second)
		}
		issued := len(idp.Issued(billing))
		if calls := idp.Count(billing); issued < 24 || calls > 100*issued {
			t.Errorf("%d calls for %d tokens: a storm", calls, issued)
		}
		if got := w.info(billing).Generation; got != uint64(issued) {
			t.Errorf("generation %d of %d tokens", got, issued)
		}
		if fresh := len(taped[*messages.TokenAcquired](tape)) + len(taped[*messages.TokenRefreshed](tape)); fresh != issued {
			t.Errorf("%d tokens published, %d issued", fresh, issued)
		}
		if n := len(taped[*messages.RefreshFailed](tape)); n != 0 {
			t.Errorf("%d failures published", n)
		}
	})
}

// checkSameSchedule fails the test if the token's schedule has moved.
func checkSameSchedule(w *world, birth, now messages.TokenInfo) {
	w.Helper()
	if !now.RefreshAt.Equal(birth.RefreshAt) || !now.WarnAt.Equal(birth.WarnAt) || !now.ExpiresAt.Equal(birth.ExpiresAt) {
		w.Fatalf("after %v: the schedule moved from %+v to %+v", sinceStart(), birth, now)
	}
}

func TestP3InvalidationWithTheSameTokenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Cached(time.Hour))
		w := begin(t, idp, setup{})
		tok := w.token(billing)
		pass(10 * time.Minute)
		if ok, err := w.sys.Invalidate(t.Context(), billing, tok.Fingerprint); ok || err != nil {
			t.Errorf("invalidated is %v, %v although the same token came again", ok, err)
		}
		if again := w.token(billing); again.Fingerprint != tok.Fingerprint || again.Generation != tok.Generation {
			t.Errorf("%v, want %v", again, tok)
		}
	})
}

func TestP3InsideThePauseTheTokenStaysServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		w.token(billing)
		pass(10 * time.Minute)
		invalidate := func(want bool) {
			t.Helper()
			if ok, err := w.sys.Invalidate(t.Context(), billing, w.token(billing).Fingerprint); ok != want || err != nil {
				t.Fatalf("after %v: invalidated is %v, %v, want %v", sinceStart(), ok, err, want)
			}
		}
		invalidate(true)
		invalidate(false)
		pass(time.Second - time.Nanosecond)
		invalidate(false)
		pass(time.Nanosecond)
		invalidate(true)
		pass(2*time.Second - time.Nanosecond)
		invalidate(false)
		pass(time.Nanosecond)
		invalidate(true)
		w.calls(billing, 4)
	})
}
