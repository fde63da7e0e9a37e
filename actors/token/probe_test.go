package token

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/messages"
)

// spareUntil plays a login that is lost, and a fallback that serves in its place. It
// says when the login is to be tried, and finds it again at the nth probe.
func (h *harness) spareUntil(found int, asked *[]provider.Request) {
	pauses := []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute}
	probes := 0
	h.play(func(_ context.Context, n int, req provider.Request) (provider.Result, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		*asked = append(*asked, provider.Request{Asked: req.Asked, Probe: req.Probe})
		if req.Probe {
			probes++
		}
		if probes == found {
			return issue(n, time.Hour), nil
		}
		if req.Probe {
			return provider.Result{}, &provider.Error{Class: messages.ClassRejected, Text: "still lost", Probe: pauses[probes]}
		}
		res := issue(n, time.Hour)
		res.Probe = pauses[probes]
		return res, nil
	})
}

func TestALostLoginIsProbedThoughAFallbackServes(t *testing.T) {
	bubble(t, func(h *harness) {
		var asked []provider.Request
		h.spareUntil(3, &asked)
		first := h.mustGet()
		for i, pause := range []time.Duration{5 * time.Minute, 10 * time.Minute} {
			h.wantPauses(pause)
			h.wantState(messages.StateFresh)
			if tok := h.mustGet(); tok.Fingerprint != first.Fingerprint || !asked[i+1].Probe {
				t.Errorf("%s after probe %d, %+v", tok.Fingerprint, i+1, asked[i+1])
			}
		}
		if h.count("refresh_failed") != 0 || h.slot.Info().LastError != nil {
			t.Error("a probe counts as a failure of the service")
		}
		h.wantPauses(20 * time.Minute)
		if tok := h.mustGet(); tok.Fingerprint == first.Fingerprint || h.count("token_refreshed") != 1 {
			t.Error("the login was found, and its token is not served")
		}
		time.Sleep(time.Until(h.slot.Info().RefreshAt) - time.Nanosecond)
		synctest.Wait()
		h.wantRequests(4) // nothing is probed any more
	})
}

func TestProbesGoOnAfterARestart(t *testing.T) {
	bubble(t, func(h *harness) {
		var asked []provider.Request
		h.spareUntil(2, &asked)
		h.mustGet()
		time.Sleep(time.Minute)
		synctest.Wait()
		h.again()
		h.wantPauses(4*time.Minute, 10*time.Minute)
		if !asked[1].Probe || !asked[2].Probe {
			t.Errorf("asked %+v", asked)
		}
	})
}

// The fallback's refused password waits for hours, but not the login.
func TestALoginIsProbedWhileItsFallbackIsRefused(t *testing.T) {
	bubble(t, func(h *harness) {
		var probes []bool
		h.play(func(_ context.Context, n int, req provider.Request) (provider.Result, error) {
			probes = append(probes, req.Probe)
			switch {
			case req.Probe && len(probes) > 2:
				return issue(n, time.Hour), nil
			case req.Probe:
				return provider.Result{}, &provider.Error{Class: messages.ClassTransient, Text: "down"} // which says nothing
			default:
				return provider.Result{}, &provider.Error{Class: messages.ClassRejected, Text: "no", Person: true, Probe: 2 * time.Minute}
			}
		})
		wantFailed(h, messages.ClassRejected)
		h.wantPauses(2 * time.Minute)
		wantFailed(h, messages.ClassRejected)
		h.wantPauses(5 * time.Minute)
		h.mustGet()
		if want := []bool{false, true, true}; !slices.Equal(probes, want) {
			t.Errorf("probes %v", probes)
		}
	}, func(_ *harness, o *Options) { o.RejectedTries = 1 })
}

// Who asks for another attempt by name gets one of everything, though a probe is in
// the air.
func TestARefreshIsNotContentWithAProbe(t *testing.T) {
	bubble(t, func(h *harness) {
		var asked []provider.Request
		h.play(func(_ context.Context, n int, req provider.Request) (provider.Result, error) {
			asked = append(asked, provider.Request{Asked: req.Asked, Probe: req.Probe})
			if req.Probe {
				time.Sleep(time.Second)
				return provider.Result{}, &provider.Error{Class: messages.ClassRejected, Text: "still lost", Probe: time.Hour}
			}
			res := issue(n, time.Hour)
			res.Probe = 5 * time.Minute
			return res, nil
		})
		h.mustGet()
		time.Sleep(5*time.Minute + 500*time.Millisecond)
		if err := h.refresh(); err != nil {
			t.Error(err)
		}
		want := []provider.Request{{}, {Probe: true}, {Asked: true}}
		if !slices.EqualFunc(asked, want, func(a, b provider.Request) bool { return a.Asked == b.Asked && a.Probe == b.Probe }) {
			t.Errorf("asked %+v", asked)
		}
	})
}

// What the provider knows about the next attempt counts for more than any rule.
func TestAProviderMaySayWhenToTryAgain(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		wait := func(d time.Duration) provider.Error {
			return provider.Error{Class: messages.ClassRejected, Text: "lost", Wait: d}
		}
		h.fails(wait(5*time.Minute), wait(10*time.Minute), wait(3*time.Hour), wait(-1))
		time.Sleep(time.Until(h.slot.Info().RefreshAt))
		synctest.Wait()
		h.wantRequests(2)
		h.wantPauses(5*time.Minute, 10*time.Minute, 3*time.Hour) // past the token's end
		h.again()
		time.Sleep(30 * 24 * time.Hour)
		synctest.Wait()
		h.wantRequests(5)
		wantFailed(h, messages.ClassRejected)
		if f := h.slot.Info().LastError; !f.NextTry.IsZero() {
			t.Errorf("next try %v", f.NextTry)
		}
		h.fails(works)
		if err := h.refresh(); err != nil {
			t.Error(err)
		}
		h.wantRequests(6)
	})
}

// Nor is one that does not end in time a failure of the service, or at once repeated.
func TestAProbeThatDoesNotEndIsNoFailure(t *testing.T) {
	bubble(t, func(h *harness) {
		probes := 0
		h.play(func(_ context.Context, n int, req provider.Request) (provider.Result, error) {
			if req.Probe {
				probes++
				time.Sleep(time.Minute)
				return provider.Result{}, &provider.Error{Class: messages.ClassRejected, Text: "still lost", Probe: time.Hour}
			}
			res := issue(n, time.Hour)
			res.Probe = 5 * time.Minute
			return res, nil
		})
		h.mustGet()
		time.Sleep(5*time.Minute + 30*time.Second)
		synctest.Wait()
		h.wantState(messages.StateFresh)
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if probes != 1 || h.count("refresh_failed") != 0 {
			t.Errorf("%d probes, %d failures", probes, h.count("refresh_failed"))
		}
	})
}

// A refresh that finds a probe in the air and gets its token wants no other.
func TestARefreshIsContentWithAProbeThatFindsTheLogin(t *testing.T) {
	bubble(t, func(h *harness) {
		h.play(func(_ context.Context, n int, req provider.Request) (provider.Result, error) {
			res := issue(n, time.Hour)
			if req.Probe {
				time.Sleep(2 * time.Second)
			} else {
				res.Probe = 5 * time.Minute
			}
			return res, nil
		})
		h.mustGet()
		time.Sleep(5*time.Minute + time.Second/2)
		if err := h.refresh(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		h.wantRequests(2)
	})
}
