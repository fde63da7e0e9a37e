package tests

import (
	"testing"
	"testing/synctest"
	"time"

	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// offsets returns when billing was called, counted from its first call.
func (w *world) offsets() []time.Duration {
	calls := w.idp.Calls(billing)
	var since []time.Duration
	for _, at := range calls {
		since = append(since, at.Sub(calls[0]))
	}
	return since
}

// chanceOf returns when the last chance of an hour's token comes, which was drawn
// with its refresh point, as its life then.
func chanceOf(info messages.TokenInfo) time.Duration {
	roll := float64(45*time.Minute-info.RefreshAt.Sub(info.CreatedAt)) / float64(3*time.Minute)
	return hourChance - time.Duration(float64(5500*time.Millisecond)*roll)
}

// rounded is by how much chanceOf may be wrong.
const rounded = 2 * time.Nanosecond

// about reports whether a pause is what was asked for, with a jitter after it.
func about(pause, asked time.Duration) bool { return pause >= asked && pause <= asked+asked/10 }

func TestLastChancesComeInEveryClass(t *testing.T) {
	steps := map[string]idptest.Step{
		"rejected":               idptest.Fail(messages.ClassRejected),
		"malformed":              idptest.Fail(messages.ClassMalformed),
		"transient":              idptest.Fail(messages.ClassTransient),
		"ambiguous":              idptest.Fail(messages.ClassAmbiguous),
		"panic":                  idptest.Panic("no"),
		"throttled for an hour":  idptest.Throttle(messages.ClassThrottled, time.Hour),
		"throttled for a minute": idptest.Throttle(messages.ClassThrottled, time.Minute),
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(time.Hour), step)
				w := begin(t, idp, setup{})
				w.token(billing)
				for _, chance := range []time.Duration{chanceOf(w.info(billing)), time.Hour} {
					until(bubbleStart.Add(chance - rounded))
					before := idp.Count(billing)
					pass(2 * rounded)
					w.calls(billing, before+1)
				}
			})
		})
	}
}

func TestHalfOfWhatIsLeftIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Hour), idptest.Throttle(messages.ClassThrottled, time.Hour), idptest.Token(time.Hour))
		w := begin(t, idp, setup{})
		tape := w.tape()
		w.token(billing)
		until(w.info(billing).RefreshAt)
		w.state(billing, messages.StateDegraded)
		pass(9 * time.Minute) // half of what was left, or more
		w.state(billing, messages.StateFresh)
		w.calls(billing, 3)
		if n := len(taped[*messages.TokenExpired](tape)); n != 0 {
			t.Errorf("%d tokens expired", n)
		}
	})
}

func TestRejectedCredentialsAreServedWhileTheyLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Hour), idptest.Fail(messages.ClassRejected))
		w := begin(t, idp, setup{})
		tok := w.token(billing)
		until(w.info(billing).RefreshAt)
		failure := w.info(billing).LastError
		if failure == nil || failure.Class != messages.ClassRejected || failure.NextTry.Sub(failure.At) != 30*time.Second {
			t.Fatalf("failure %+v", failure)
		}
		for time.Now().Before(tok.ExpiresAt) {
			w.token(billing)
			pass(time.Second)
		}
		if e := w.refused(billing, messages.ErrRejected); e.Class != messages.ClassRejected {
			t.Errorf("class %s", e.Class)
		}
		probed := idp.Count(billing)
		pass(24 * time.Hour)
		if probes := idp.Count(billing) - probed; probes < 90 || probes > 100 {
			t.Errorf("%d probes in a day, want four an hour", probes)
		}

		idp.Play(billing, idptest.Token(time.Hour))
		w.refused(billing, messages.ErrRejected)
		pass(2 * time.Second) // the last probe may have been just now
		w.atOnce("Refresh", func() {
			if err := w.sys.Refresh(t.Context(), billing); err != nil {
				t.Fatal(err)
			}
		})
		w.token(billing)
		w.ready(true)
	})
}

func TestRejectedCredentialsAreProbedMoreAndMoreSlowly(t *testing.T) {
	client := []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute}
	person := []time.Duration{5 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 6 * time.Hour}
	tests := map[string]struct {
		life   time.Duration // of the token that there once was; 0: none
		refuse idptest.Step
		want   []time.Duration
	}{
		"a client without a token":    {0, idptest.Fail(messages.ClassRejected), client},
		"a client's token of a day":   {24 * time.Hour, idptest.Fail(messages.ClassRejected), client[:5]},
		"a person without a token":    {0, idptest.Refuse(), person},
		"a person's token of a day":   {24 * time.Hour, idptest.Refuse(), person}, // its expiry brings no attempt
		"a person's token of an hour": {time.Hour, idptest.Refuse(), person},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				if tc.life > 0 {
					idp.Play(billing, idptest.Token(tc.life), tc.refuse)
				} else {
					idp.Play(billing, tc.refuse)
				}
				w := begin(t, idp, setup{})
				_, _ = w.sys.Token(t.Context(), billing)
				if tc.life > 0 {
					until(w.info(billing).RefreshAt)
				}
				pass(20 * time.Hour)
				calls := idp.Calls(billing)
				if tc.life > 0 {
					calls = calls[1:]
				}
				for i, want := range tc.want {
					if got := calls[i+1].Sub(calls[i]); got != want {
						t.Errorf("probe %d after %v, want %v", i+1, got, want)
					}
				}
			})
		})
	}
}

func TestThrottledWaitsAsTold(t *testing.T) {
	tests := map[string]struct{ told, least, most time.Duration }{
		"seven seconds":                 {7 * time.Second, 7 * time.Second, 7700 * time.Millisecond},
		"ten minutes":                   {10 * time.Minute, 10 * time.Minute, 11 * time.Minute},
		"an hour":                       {time.Hour, time.Hour, 66 * time.Minute},
		"three hours: an hour, or less": {3 * time.Hour, 54 * time.Minute, time.Hour},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Throttle(messages.ClassThrottled, tc.told), idptest.Token(time.Hour))
				w := begin(t, idp, setup{})
				e := w.refused(billing, messages.ErrUnavailable)
				if wait := time.Until(e.NextTry); e.Class != messages.ClassThrottled || wait < tc.least || wait > tc.most {
					t.Errorf("%s for %v, want %v to %v", e.Class, wait, tc.least, tc.most)
				}
				justBefore(e.NextTry)
				w.refused(billing, messages.ErrUnavailable)
				w.calls(billing, 1)
				pass(time.Nanosecond)
				w.calls(billing, 2)
				w.token(billing)
			})
		})
	}
}

func TestBackOffIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(24*time.Hour), idptest.Fail(messages.ClassTransient))
		w := begin(t, idp, setup{})
		w.token(billing)
		pass(30 * time.Hour)
		offsets := w.offsets()[1:]
		gapsLiving, gapsDead := 0, 0
		for i, at := range offsets[1:] {
			gap := at - offsets[i]
			switch {
			case gap <= 0 || gap > time.Minute || offsets[i] >= 24*time.Hour && gap > 30*time.Second:
				t.Fatalf("a try at %v and one %v later", offsets[i], gap)
			case at <= 24*time.Hour:
				gapsLiving++
			default:
				gapsDead++
			}
		}
		// 72 to 86 minutes in steps of 30 s, then six hours in steps of 15 s.
		if gapsLiving < 90 || gapsLiving > 350 || gapsDead < 1000 || gapsDead > 2100 {
			t.Errorf("%d tries while it lived, %d after", gapsLiving, gapsDead)
		}
	})
}

func TestAttemptsAreBounded(t *testing.T) {
	tests := map[string]struct{ life, living time.Duration }{
		"an hour's token is tried for ten seconds": {time.Hour, 10 * time.Second},
		"a minute's for a quarter of its lead":     {time.Minute, 7500 * time.Millisecond},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(tc.life), idptest.Hang())
				w := begin(t, idp, setup{})
				tape := w.tape()
				tok := w.token(billing)
				until(tok.ExpiresAt.Add(-tok.ExpiresAt.Sub(tok.CreatedAt) / 100))
				failed := taped[*messages.RefreshFailed](tape)[0]
				if failed.Took != tc.living || failed.Failure.Class != messages.ClassTransient {
					t.Errorf("a try took %v, %s", failed.Took, failed.Failure.Class)
				}
				until(tok.ExpiresAt.Add(5 * time.Minute))
				failures := taped[*messages.RefreshFailed](tape)
				if last := failures[len(failures)-1]; last.Took != 10*time.Second {
					t.Errorf("without a living token a try took %v", last.Took)
				}
			})
		})
	}
}

func TestAForcedRefreshThatFailsLeavesTheTokenAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Hour), idptest.Fail(messages.ClassTransient), idptest.Token(time.Hour))
		w := begin(t, idp, setup{})
		tok := w.token(billing)
		pass(10 * time.Minute)
		e := wantError(t, w.sys.Refresh(t.Context(), billing), messages.ErrUnavailable)
		if e.Attempts != 1 || e.NextTry.IsZero() {
			t.Errorf("error %+v", e)
		}
		w.state(billing, messages.StateDegraded)
		if got := w.token(billing); got.Fingerprint != tok.Fingerprint {
			t.Errorf("%v, want %v", got, tok)
		}
		point := w.info(billing).RefreshAt
		justBefore(point)
		w.calls(billing, 2)
		pass(time.Nanosecond)
		w.calls(billing, 3)
		w.state(billing, messages.StateFresh)
	})
}
