package tests

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

func TestP6AnIdPThatGoesDownAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Hour), idptest.Fail(messages.ClassTransient))
		w := begin(t, idp, setup{})
		tape := w.tape()
		tok := w.token(billing)

		checkDegradesVisibly(w, tape, tok)
		checkDiesVisibly(w, tape, tok)

		pass(6 * time.Hour)
		w.ready(false)
		back := time.Now()
		idp.Play(billing, idptest.Token(time.Hour))
		for !messages.Living(w.info(billing).State) {
			w.ready(false)
			pass(100 * time.Millisecond)
		}
		if waited := time.Since(back); waited > 30*time.Second+100*time.Millisecond {
			t.Errorf("back after %v, more than one back-off step", waited)
		}
		w.ready(true)
		w.state(billing, messages.StateFresh)
		if info := w.info(billing); info.LastError != nil || info.Generation != tok.Generation+1 {
			t.Errorf("info %+v", info)
		}
		if names := tape.names(); names[len(names)-1] != "token_acquired" {
			t.Errorf("the last event is %s", names[len(names)-1])
		}
	})
}

// checkDegradesVisibly watches the token from birth to a nanosecond before its
// expiry while no refresh succeeds.
func checkDegradesVisibly(w *world, tape *tape, tok messages.Token) {
	w.Helper()
	info := w.info(billing)
	justBefore(info.RefreshAt)
	w.state(billing, messages.StateFresh)
	if names := tape.names(); !slices.Equal(names, []string{"token_acquired"}) {
		w.Errorf("events %q", names)
	}
	for pass(time.Nanosecond); time.Until(tok.ExpiresAt) > time.Second; pass(time.Second) {
		checkDegraded(w, tape, tok)
	}
	justBefore(tok.ExpiresAt)
	checkDegraded(w, tape, tok)
}

func checkDegraded(w *world, tape *tape, tok messages.Token) {
	w.Helper()
	if got := w.token(billing); got.Fingerprint != tok.Fingerprint || got.State != messages.StateDegraded {
		w.Fatalf("after %v: %v", sinceStart(), got)
	}
	w.ready(true)
	info := w.info(billing)
	failures := taped[*messages.RefreshFailed](tape)
	f := info.LastError
	switch {
	case info.State != messages.StateDegraded || f == nil:
		w.Fatalf("after %v: %+v", sinceStart(), info)
	case f.Class != messages.ClassTransient || f.Text == "" || f.Attempts != len(failures) || f.At.After(time.Now()):
		w.Fatalf("after %v: failure %+v with %d published", sinceStart(), f, len(failures))
	case !f.NextTry.After(time.Now()) || f.NextTry.After(tok.ExpiresAt):
		w.Fatalf("after %v: next try %v of a token until %v", sinceStart(), f.NextTry, tok.ExpiresAt)
	}
	last := failures[len(failures)-1]
	if last.Failure != *f || last.Fingerprint != tok.Fingerprint || last.State != messages.StateDegraded {
		w.Fatalf("after %v: published %+v", sinceStart(), last)
	}
}

// checkDiesVisibly looks at the moment of expiry.
func checkDiesVisibly(w *world, tape *tape, tok messages.Token) {
	w.Helper()
	until(tok.ExpiresAt)
	w.ready(false)
	w.state(billing, messages.StateExpired)
	e := w.refused(billing, messages.ErrUnavailable)
	if e.Class != messages.ClassTransient || e.Attempts < 2 || !e.NextTry.After(time.Now()) || e.Cause == nil {
		w.Errorf("error %+v", e)
	}
	expired := taped[*messages.TokenExpired](tape)
	if len(expired) != 1 || !expired[0].At.Equal(tok.ExpiresAt) || expired[0].Fingerprint != tok.Fingerprint ||
		expired[0].Generation != tok.Generation || expired[0].LastError == nil {
		w.Errorf("published %+v", expired)
	}
	unready := w.sys.Readiness().Services
	if len(unready) != 1 || unready[0].Service != billing || unready[0].State != messages.StateExpired ||
		unready[0].Class != messages.ClassTransient || !unready[0].Since.Equal(tok.ExpiresAt) || unready[0].NextTry.IsZero() {
		w.Errorf("readiness %+v", unready)
	}
}

func TestP6ReadinessFollowsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		for _, name := range []string{"needed", "optional", "unneeded"} {
			idp.Play(name, idptest.Token(time.Hour), idptest.Fail(messages.ClassRejected))
		}
		w := begin(t, idp, setup{services: map[string]config.Service{
			"needed":   scripted(config.Settings{}),
			"optional": scripted(config.Settings{Required: new(false)}),
			"unneeded": scripted(config.Settings{}),
		}})
		tok := w.token("needed")
		w.token("optional")
		justBefore(tok.ExpiresAt)
		w.ready(true)
		pass(time.Nanosecond)
		w.ready(false)
		if got := w.sys.Readiness().Services; len(got) != 1 || got[0].Service != "needed" {
			t.Errorf("against readiness: %+v", got)
		}
		idp.Play("needed", idptest.Token(time.Hour))
		if err := w.sys.Refresh(t.Context(), "needed"); err != nil {
			t.Fatal(err)
		}
		w.ready(true)
		if err := w.sys.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.ready(false)
	})
}

func TestP6TheWarningComesAtItsPoint(t *testing.T) {
	tests := map[string]struct {
		life, before time.Duration
		settings     config.Settings
	}{
		"an hour":        {time.Hour, 5 * time.Minute, config.Settings{}},
		"five minutes":   {5 * time.Minute, time.Minute, config.Settings{}},
		"a minute":       {time.Minute, 12 * time.Second, config.Settings{}},
		"a second":       {time.Second, 200 * time.Millisecond, config.Settings{}},
		"a day":          {24 * time.Hour, 5 * time.Minute, config.Settings{}},
		"as configured":  {time.Hour, 10 * time.Minute, config.Settings{WarnBefore: new(10 * time.Minute)}},
		"a late refresh": {time.Hour, 48 * time.Second, config.Settings{RefreshThreshold: new(time.Minute)}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(tc.life), idptest.Fail(messages.ClassTransient))
				w := begin(t, idp, setup{services: map[string]config.Service{billing: scripted(tc.settings)}})
				tape := w.tape()
				tok := w.token(billing)
				point := tok.ExpiresAt.Add(-tc.before)
				justBefore(point)
				if n := len(taped[*messages.TokenExpiring](tape)); n != 0 {
					t.Error("a warning before its point")
				}
				pass(time.Nanosecond)
				checkWarning(t, tape, tok, point)
				pass(tc.life)
				if n := len(taped[*messages.TokenExpiring](tape)); n != 1 {
					t.Errorf("%d warnings of one token", n)
				}
			})
		})
	}
}

func checkWarning(t *testing.T, tape *tape, tok messages.Token, point time.Time) {
	t.Helper()
	warnings := taped[*messages.TokenExpiring](tape)
	if len(warnings) != 1 {
		t.Fatalf("%d warnings at their point", len(warnings))
	}
	e := warnings[0]
	if !e.At.Equal(point) || e.Fingerprint != tok.Fingerprint || e.State != messages.StateDegraded || e.LastError == nil {
		t.Errorf("warning %+v", e)
	}
}

func TestP6AWarningOfARefreshThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Hour), idptest.Hang())
		settings := config.Settings{Timeout: new(5 * time.Minute), WarnBefore: new(12 * time.Minute)}
		w := begin(t, idp, setup{services: map[string]config.Service{billing: scripted(settings)}})
		tape := w.tape()
		tok := w.token(billing)
		until(tok.ExpiresAt.Add(-12 * time.Minute))
		if n := len(taped[*messages.TokenExpiring](tape)); n != 1 {
			t.Errorf("%d warnings", n)
		}
	})
}

func TestP6NoWarningOfWhatIsWell(t *testing.T) {
	for _, life := range []time.Duration{time.Second, time.Minute, 5 * time.Minute, time.Hour} {
		t.Run(life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(life))
				w := begin(t, idp, setup{})
				tape := w.tape()
				w.token(billing)
				pass(time.Duration(lifetimes(life)) * life)
				for _, name := range tape.names() {
					if name != "token_acquired" && name != "token_refreshed" {
						t.Fatalf("event %s", name)
					}
				}
			})
		})
	}
}

func TestP6WarnAlways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{services: map[string]config.Service{billing: scripted(config.Settings{WarnAlways: new(true)})}})
		tape := w.tape()
		tok := w.token(billing)
		point := tok.CreatedAt.Add(hourWarn)
		justBefore(point)
		if n := len(taped[*messages.TokenExpiring](tape)); n != 0 {
			t.Error("a warning before its point")
		}
		w.calls(billing, 2)
		pass(time.Nanosecond)
		warnings := taped[*messages.TokenExpiring](tape)
		if len(warnings) != 1 || warnings[0].Fingerprint != tok.Fingerprint || !warnings[0].At.Equal(point) || warnings[0].LastError != nil {
			t.Errorf("warnings %+v", warnings)
		}
		pass(10 * time.Hour)
		want := 0
		for _, born := range w.idp.Calls(billing) {
			if time.Since(born) >= hourWarn {
				want++
			}
		}
		if got := len(taped[*messages.TokenExpiring](tape)); got != want {
			t.Errorf("%d warnings, want %d", got, want)
		}
	})
}

func TestP6EventsTellTheStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Fail(messages.ClassMalformed), idptest.After(time.Second, idptest.Token(time.Hour)), idptest.Token(time.Hour))
		w := begin(t, idp, setup{})
		tape, other := w.tape(billing), w.tape("erp")
		w.refused(billing, messages.ErrInvalidResponse)
		pass(time.Minute)
		if _, err := w.sys.Invalidate(t.Context(), billing, ""); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if err := w.sys.Refresh(t.Context(), billing); err != nil {
			t.Fatal(err)
		}
		want := []string{"refresh_failed", "token_acquired", "token_invalidated", "token_acquired", "token_refreshed"}
		if got := tape.names(); !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
		if acquired := taped[*messages.TokenAcquired](tape)[0]; acquired.Took != time.Second || acquired.Generation != 1 || acquired.State != messages.StateFresh {
			t.Errorf("published %+v", acquired)
		}
		if got := other.names(); len(got) != 0 {
			t.Errorf("a subscriber to another service got %q", got)
		}
	})
}

func TestP6CountersCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Throttle(messages.ClassThrottled, 10*time.Second), idptest.Token(time.Hour))
		w := begin(t, idp, setup{})
		for range 3 {
			w.refused(billing, messages.ErrUnavailable)
		}
		pass(11 * time.Second)
		for range 5 {
			w.token(billing)
		}
		want := messages.Counters{Hits: 5, Misses: 3, Refreshes: 1, Failures: 1}
		if got := w.info(billing).Counters; got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}
