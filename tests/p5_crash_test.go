package tests

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// billingActor is the id of the actor that keeps billing's token.
const billingActor = "service/" + billing

func TestP5ACrashInMidFlightCostsNoSecondRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(5*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{})
		tape := w.tape()
		got := callers(100, w.asking(t.Context()))
		pass(2 * time.Second)
		w.kill(billingActor)
		pass(time.Second)
		late := callers(10, w.asking(t.Context()))
		pass(2 * time.Second)

		tok := w.token(billing)
		for range 100 {
			checkEnded(t, <-got, tok)
		}
		for range 10 {
			if o := <-late; o.err != nil || o.fingerprint != tok.Fingerprint {
				t.Errorf("who came after the restart got %q, %v", o.fingerprint, o.err)
			}
		}
		w.calls(billing, 1)
		if tok.Generation != 1 || tok.ExpiresAt.Sub(bubbleStart) != time.Hour {
			t.Errorf("adopted %v until %v", tok, tok.ExpiresAt)
		}
		checkRestarts(t, tape, 1)
	})
}

// checkEnded fails the test unless a caller got the token or a typed error.
func checkEnded(t *testing.T, o outcome, tok messages.Token) {
	t.Helper()
	if o.err == nil && o.fingerprint == tok.Fingerprint {
		return
	}
	if _, ok := errors.AsType[*messages.Error](o.err); !ok {
		t.Errorf("a caller got %q, %v (%T)", o.fingerprint, o.err, o.err)
	}
}

func checkRestarts(t *testing.T, tape *tape, want int) {
	t.Helper()
	restarts := taped[*messages.ActorRestarted](tape)
	if len(restarts) != want {
		t.Errorf("%d restarts published, want %d", len(restarts), want)
	}
	for i, e := range restarts {
		if e.Restarts < 1 || !strings.HasSuffix(e.Reason, "string") || e.Service != billing {
			t.Errorf("restart %d: %+v", i, e)
		}
	}
}

// sameRecord compares two infos without what may differ after a restart.
func sameRecord(t *testing.T, before, after messages.TokenInfo) {
	t.Helper()
	ignored := cmpopts.IgnoreFields(messages.TokenInfo{}, "Counters")
	if diff := cmp.Diff(before, after, ignored); diff != "" {
		t.Fatalf("after %v, changed by a restart:\n%s", sinceStart(), diff)
	}
}

func TestP5TokenScheduleAndBackOffSurviveCrashes(t *testing.T) {
	const day = 24 * time.Hour
	throttled := idptest.Throttle(messages.ClassThrottled, time.Hour)
	// At these ages the next try is further away than fifty pauses of a crash loop.
	states := map[string]struct {
		steps []idptest.Step
		age   time.Duration
	}{
		"fresh":         {[]idptest.Step{idptest.Token(day)}, 10 * time.Minute},
		"degraded":      {[]idptest.Step{idptest.Token(day), throttled}, 22*time.Hour + 50*time.Minute},
		"rejected":      {[]idptest.Step{idptest.Token(day), idptest.Refuse()}, 22*time.Hour + 55*time.Minute},
		"expired":       {[]idptest.Step{idptest.Token(day), throttled}, day + time.Minute},
		"never had one": {[]idptest.Step{throttled}, time.Minute},
	}
	for name, tc := range states {
		for _, crashes := range []int{1, 5, 50} {
			t.Run(fmt.Sprintf("%s, %d crashes", name, crashes), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					idp := idptest.New()
					idp.Play(billing, tc.steps...)
					w := begin(t, idp, setup{})
					tape := w.tape()
					_, _ = w.sys.Token(t.Context(), billing)
					pass(tc.age)
					before, calls := w.info(billing), idp.Count(billing)
					for range crashes {
						w.kill(billingActor)
						synctest.Wait()
						sameRecord(t, before, w.info(billing))
					}
					w.calls(billing, calls)
					checkGoesOn(w, tape, before, calls, crashes)
				})
			})
		}
	}
}

// checkGoesOn waits for the next acquisition, which no crash may hasten or delay.
func checkGoesOn(w *world, tape *tape, before messages.TokenInfo, calls, crashes int) {
	w.Helper()
	next := before.RefreshAt
	if before.LastError != nil {
		next = before.LastError.NextTry
	}
	justBefore(next)
	w.calls(billing, calls)
	checkRestarts(w.T, tape, crashes)
	pass(time.Nanosecond)
	w.calls(billing, calls+1)
}

func TestP5CachedReadsNeitherFailNorWaitInACrashLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		tok := w.token(billing)
		svc, err := w.sys.Service(billing)
		if err != nil {
			t.Fatal(err)
		}
		for range 30 * 60 {
			w.kill(billingActor)
			for range 3 {
				if got := w.token(billing); got.Fingerprint != tok.Fingerprint {
					t.Fatalf("after %v: another token", sinceStart())
				}
				w.atOnce("a handle", func() { _, err = svc.Token(t.Context()) })
				if err != nil {
					t.Fatal(err)
				}
			}
			w.state(billing, messages.StateFresh)
			w.ready(true)
			pass(time.Second)
		}
		w.calls(billing, 1)
	})
}

func TestP5ACrashLoopDoesNotStopTheRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		w.token(billing)
		for range int(10 * time.Hour / (45 * time.Second)) {
			w.kill(billingActor)
			w.token(billing)
			pass(45 * time.Second)
		}
		if n := len(w.idp.Issued(billing)); n < 10 {
			t.Errorf("%d tokens in ten hours of crashes", n)
		}
	})
}

func TestP5AMessageToACrashedActorIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		tok := w.token(billing)
		for range 10 {
			w.kill(billingActor)
			got, err := throughGetToken(t.Context(), w, billing)
			if err != nil || got != tok.Fingerprint {
				t.Fatalf("%q, %v", got, err)
			}
		}
	})
}

func TestP5EveryActorMayCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		w := begin(t, idp, setup{services: map[string]config.Service{
			billing: scripted(config.Settings{}), "erp": scripted(config.Settings{}),
		}})
		tok, other := w.token(billing), w.token("erp")
		before := w.info(billing)
		if len(w.others()) == 0 {
			t.Fatal("no actor but those of services")
		}
		for range 10 {
			for _, id := range w.actors() {
				w.kill(id)
				synctest.Wait()
				if w.token(billing).Fingerprint != tok.Fingerprint || w.token("erp").Fingerprint != other.Fingerprint {
					t.Fatalf("a token was lost by a crash of %s", id)
				}
				sameRecord(t, before, w.info(billing))
			}
		}
		w.calls(billing, 1)
		checkStillWorks(t, w)
	})
}

// checkStillWorks waits until what has crashed is back, and then sees a token
// refreshed, the event of it, a message answered and a lazy service acquired.
func checkStillWorks(t *testing.T, w *world) {
	t.Helper()
	pass(15 * time.Minute)
	tape := w.tape(billing)
	until(w.info(billing).RefreshAt)
	pass(time.Second)
	if got := tape.names(); len(got) != 1 || got[0] != "token_refreshed" {
		t.Errorf("events %q", got)
	}
	if _, err := throughGetToken(t.Context(), w, billing); err != nil {
		t.Error(err)
	}
	if err := w.sys.Refresh(t.Context(), "erp"); err != nil {
		t.Error(err)
	}
}

func TestP5TheSupervisorMayCrashInMidFlight(t *testing.T) {
	for _, victim := range []string{"service", "all others"} {
		t.Run(victim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.After(5*time.Second, idptest.Token(time.Hour)))
				w := begin(t, idp, setup{})
				got := callers(100, w.asking(t.Context()))
				pass(2 * time.Second)
				victims := []string{victim}
				if victim != "service" {
					victims = w.others()
				}
				for _, id := range victims {
					w.kill(id)
				}
				pass(3 * time.Second)
				pass(time.Minute)
				tok := w.token(billing)
				for range 100 {
					checkEnded(t, <-got, tok)
				}
				w.calls(billing, 1)
			})
		})
	}
}

func TestP5AnActorStoppedByTheHostComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		tok := w.token(billing)
		pass(10 * time.Minute)
		before := w.info(billing)
		root := w.sys.ActorSystem().Root
		for range 5 {
			root.Stop(actor.NewPID(w.sys.ActorSystem().Address(), billingActor))
			synctest.Wait()
			if w.token(billing).Fingerprint != tok.Fingerprint {
				t.Fatal("another token")
			}
			sameRecord(t, before, w.info(billing))
		}
		pass(time.Minute)
		w.calls(billing, 1)
		if got, err := throughGetToken(t.Context(), w, billing); err != nil || got != tok.Fingerprint {
			t.Errorf("by message: %q, %v", got, err)
		}
		justBefore(before.RefreshAt)
		w.calls(billing, 1)
		pass(time.Nanosecond)
		w.calls(billing, 2)
	})
}

func TestP5AnActorStoppedInMidFlightComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(5*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{})
		got := callers(10, w.asking(t.Context()))
		pass(time.Second)
		w.sys.ActorSystem().Root.Stop(actor.NewPID(w.sys.ActorSystem().Address(), billingActor))
		pass(time.Minute)
		tok := w.token(billing)
		for range 10 {
			checkEnded(t, <-got, tok)
		}
		w.calls(billing, 1)
	})
}
