package token

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"tokend/actors/provider"
	"tokend/actors/vault/vaulttest"
	"tokend/messages"
)

// fails answers one attempt after the other by script, the last one for ever.
func (h *harness) fails(script ...provider.Error) {
	begun := h.requests()
	h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
		e := script[min(n-begun, len(script))-1]
		if e.Class == "" {
			return issue(n, time.Hour), nil
		}
		return provider.Result{}, &e
	})
}

// wantPauses fails unless the next attempts come after exactly these pauses.
func (h *harness) wantPauses(pauses ...time.Duration) {
	h.Helper()
	for _, pause := range pauses {
		h.wantNextAfter(pause)
	}
}

func wantFailed(h *harness, class string) {
	h.Helper()
	if _, err := h.get(h.Context(), 0); err == nil {
		h.Error("a token came")
	} else if f := h.slot.Info().LastError; f == nil || f.Class != class {
		h.Errorf("failure %+v, want %s", f, class)
	}
}

// reconfigure gives the provider another secret.
func (h *harness) reconfigure() {
	h.slot.Configure(h.with(func(o *Options) { o.Credential++ }))
	h.system.Root.Send(h.slot.PID(), &Reconfigured{})
}

var (
	works   = provider.Error{}
	refuses = provider.Error{Class: messages.ClassRejected, Text: "no", Person: true}
	denies  = provider.Error{Class: messages.ClassRejected, Text: "no"}
	trouble = provider.Error{Class: messages.ClassTransient, Text: "no answer"}
	doubts  = provider.Error{Class: messages.ClassMalformed, Text: "a form", Again: true, Person: true}
	page    = provider.Error{Class: messages.ClassTransient, Text: "a page", Sparing: true, Person: true}
)

func TestTheFirstPausesOfRefusedCredentials(t *testing.T) {
	const m, hr = time.Minute, time.Hour
	for name, c := range map[string]struct {
		script []provider.Error
		class  string // of the first failure
		want   []time.Duration
	}{
		"a person":                            {[]provider.Error{refuses}, messages.ClassRejected, []time.Duration{5 * m, hr, 2 * hr, 4 * hr, 6 * hr, 6 * hr}},
		"a client":                            {[]provider.Error{denies}, messages.ClassRejected, []time.Duration{30 * time.Second, m, 2 * m, 4 * m, 8 * m, 15 * m, 15 * m}},
		"trouble in between spares a person":  {[]provider.Error{refuses, trouble, trouble, refuses}, messages.ClassRejected, []time.Duration{5 * m, 5 * m, 5 * m, hr, 2 * hr}},
		"trouble in between spares no client": {[]provider.Error{denies, trouble, denies}, messages.ClassRejected, []time.Duration{30 * time.Second, 500 * time.Millisecond, m}},
		"doubt is a refusal when it returns":  {[]provider.Error{doubts}, messages.ClassMalformed, []time.Duration{500 * time.Millisecond, 5 * m, hr, 2 * hr}},
		"doubt is not forgotten for trouble":  {[]provider.Error{doubts, trouble, doubts}, messages.ClassMalformed, []time.Duration{500 * time.Millisecond, time.Second, 5 * m, hr}},
		"a page for a login":                  {[]provider.Error{page}, messages.ClassTransient, []time.Duration{5 * m, 5 * m, 5 * m}},
		"a page, then a refusal":              {[]provider.Error{page, refuses}, messages.ClassTransient, []time.Duration{5 * m, 5 * m, hr}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.fails(c.script...)
				wantFailed(h, c.class)
				h.wantPauses(c.want...)
			})
		})
	}
}

// What works ends the doubt and the count.
func TestAnAttemptThatWorksForgetsRefusals(t *testing.T) {
	for name, first := range map[string]provider.Error{"a refusal": refuses, "a doubt": doubts} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.fails(first, works, first)
				_, _ = h.get(h.Context(), 0)
				if h.slot.state.Load().more().refused == (refused{}) {
					t.Error("nothing is known of the first answer")
				}
				if err := h.refresh(); err != nil {
					t.Fatal(err)
				}
				if st := h.slot.state.Load(); st.more().refused != (refused{}) {
					t.Errorf("refused %+v", st.more().refused)
				}
			})
		})
	}
}

// A person's refused credentials are not tried for the token's sake, whatever it is.
func TestRefusedCredentialsOfAPersonHaveNoLastChance(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		h.fails(refuses)
		time.Sleep(time.Until(h.slot.Info().RefreshAt))
		synctest.Wait()
		h.wantRequests(2)
		h.wantPauses(5*time.Minute, time.Hour)
		h.wantState(messages.StateExpired)
	})
}

func TestAPauseEndsForWhoeverIsToldWhy(t *testing.T) {
	for name, c := range map[string]struct {
		halt bool
		do   func(h *harness)
	}{
		"a refresh":                       {false, func(h *harness) { _ = h.refresh() }},
		"a refresh after the last try":    {true, func(h *harness) { _ = h.refresh() }},
		"another secret or configuration": {false, func(h *harness) { h.reconfigure() }},
		"another after the last try":      {true, func(h *harness) { h.reconfigure() }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.fails(refuses)
				wantFailed(h, messages.ClassRejected)
				time.Sleep(time.Minute)
				for range 3 { // callers change nothing
					wantFailed(h, messages.ClassRejected)
				}
				h.wantRequests(1)
				h.fails(works)
				c.do(h)
				synctest.Wait()
				h.wantRequests(2)
				h.mustGet()
			}, func(_ *harness, o *Options) {
				if c.halt {
					o.RejectedTries = 1
				}
			})
		})
	}
}

func TestRejectedTriesEndAttempts(t *testing.T) {
	for name, c := range map[string]struct {
		script []provider.Error
		tries  int
		want   int // attempts
	}{
		"one":                        {[]provider.Error{refuses}, 1, 1},
		"three":                      {[]provider.Error{refuses}, 3, 3},
		"of a client":                {[]provider.Error{denies}, 4, 4},
		"trouble does not count":     {[]provider.Error{trouble, refuses}, 1, 2},
		"a doubt counts when it is":  {[]provider.Error{doubts}, 1, 2},
		"a page counts for no tries": {[]provider.Error{page, page, refuses}, 1, 3},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.fails(c.script...)
				_, _ = h.get(h.Context(), 0)
				time.Sleep(30 * 24 * time.Hour)
				synctest.Wait()
				h.wantRequests(c.want)
				if f := h.slot.Info().LastError; f == nil || !f.NextTry.IsZero() || f.Class != messages.ClassRejected {
					t.Errorf("failure %+v", f)
				}
				h.again()
				wantFailed(h, messages.ClassRejected)
				time.Sleep(30 * 24 * time.Hour)
				synctest.Wait()
				h.wantRequests(c.want)
			}, func(_ *harness, o *Options) { o.RejectedTries = c.tries })
		})
	}
}

// Doubt, sparing and the count go on in the next process.
func TestRefusalsSurviveARestart(t *testing.T) {
	const m = time.Minute
	for name, c := range map[string]struct {
		script []provider.Error
		first  time.Duration // until the restart
		want   []time.Duration
	}{
		"a person's first":  {[]provider.Error{refuses}, m, []time.Duration{4 * m, time.Hour, 2 * time.Hour}},
		"a person's second": {[]provider.Error{refuses}, 6 * m, []time.Duration{59 * m, 2 * time.Hour}},
		"a client's third":  {[]provider.Error{denies}, 2 * m, []time.Duration{90 * time.Second, 4 * m}},
		"a doubt":           {[]provider.Error{doubts}, 0, []time.Duration{2500 * time.Millisecond, 5 * m, time.Hour}},
		"a page":            {[]provider.Error{page}, m, []time.Duration{4 * m, 5 * m}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.fails(c.script...)
				_, _ = h.get(h.Context(), 0)
				time.Sleep(c.first)
				synctest.Wait()
				h.again() // which spreads what is due over some seconds
				h.wantPauses(c.want...)
			})
		})
	}
}

// An IdP that asks for a month gets an hour, and one line in the log.
func TestAnAbsurdRetryAfterIsSaidOnce(t *testing.T) {
	bubble(t, func(h *harness) {
		log, hook := test.NewNullLogger()
		h.env.Log = log
		h.fails(provider.Error{Class: messages.ClassThrottled, Text: "later", RetryAfter: 30 * 24 * time.Hour})
		wantFailed(h, messages.ClassThrottled)
		h.wantPauses(57*time.Minute, 57*time.Minute)
		if len(hook.AllEntries()) != 1 {
			t.Fatalf("%d lines", len(hook.AllEntries()))
		}
		if e := hook.LastEntry(); e.Data["asked"] != "720h0m0s" || e.Data["waits"] != "1h0m0s" {
			t.Errorf("line %v", e.Data)
		}
		h.refresh() //nolint:errcheck // it fails as the others
		h.wantRequests(4)
	})
}

func TestAPageMayAskForFiveMinutes(t *testing.T) {
	bubble(t, func(h *harness) {
		h.fails(provider.Error{Class: messages.ClassThrottled, Text: "later", RetryAfter: time.Hour, Page: true})
		wantFailed(h, messages.ClassThrottled)
		h.wantPauses(285*time.Second, 285*time.Second)
	})
}

// personally is a provider that sends a person's credentials.
type personally struct{ provider.Provider }

func (personally) Personal() bool { return true }

// die has the process end while an attempt is under way, and another one begin.
func (h *harness) die() {
	h.Helper()
	rec, err := h.env.Store.Load(recordKey("billing"))
	if err != nil || rec == nil {
		h.Fatalf("nothing is kept: %v", err)
	}
	kept := *rec
	h.env.Store = &vaulttest.Memory{}
	h.env.Store.Save(&kept)
	h.again()
}

// Whoever locks accounts counts attempts whose answer no one has lived to see.
func TestAttemptsThatNobodyLearnsTheOutcomeOfAreSpared(t *testing.T) {
	for name, c := range map[string]struct {
		refused bool // first
		want    []time.Duration
	}{
		"again and again": {false, []time.Duration{0, 5 * time.Minute, time.Hour, 2 * time.Hour}},
		"after a refusal": {true, []time.Duration{time.Hour, 2 * time.Hour, 4 * time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				if c.refused {
					h.fails(refuses)
					wantFailed(h, messages.ClassRejected)
				}
				h.play(func(ctx context.Context, _ int, _ provider.Request) (provider.Result, error) {
					<-ctx.Done()
					return provider.Result{}, ctx.Err()
				})
				if c.refused {
					time.Sleep(5 * time.Minute)
				} else {
					go func() { _, _ = h.get(h.Context(), 0) }()
				}
				synctest.Wait()
				for _, pause := range c.want {
					h.mu.Lock()
					began := h.calls[len(h.calls)-1]
					h.mu.Unlock()
					h.die()
					if pause == 0 {
						h.wantNextAfter(2500 * time.Millisecond) // as a start spreads what is due
						continue
					}
					_, _ = h.get(h.Context(), 0) // callers change nothing
					h.wantNextAfter(time.Until(began.Add(pause)))
				}
			}, func(h *harness, o *Options) { o.Provider = personally{provider.Func(h.acquire)} })
		})
	}
}

// An outcome ends the doubt.
func TestALearnedOutcomeIsNotCounted(t *testing.T) {
	for name, script := range map[string]provider.Error{"a token": works, "trouble": trouble} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.fails(script)
				_, _ = h.get(h.Context(), 0)
				if r := h.slot.state.Load().more().refused; r != (refused{}) {
					t.Errorf("%+v", r)
				}
			}, func(h *harness, o *Options) { o.Provider = personally{provider.Func(h.acquire)} })
		})
	}
}
