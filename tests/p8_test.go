package tests

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// waits are the doors at which a caller with a context may wait for an
// acquisition.
var waits = map[string]func(ctx context.Context, w *world) error{
	"Token": func(ctx context.Context, w *world) error { _, err := w.sys.Token(ctx, billing); return err },
	"TokenMinTTL": func(ctx context.Context, w *world) error {
		_, err := w.sys.TokenMinTTL(ctx, billing, time.Hour)
		return err
	},
	"Tokens": func(ctx context.Context, w *world) error { _, err := w.sys.Tokens(ctx, billing); return err },
	"TokensByName": func(ctx context.Context, w *world) error {
		_, errs := w.sys.TokensByName(ctx, 0, billing)
		return errs[billing]
	},
	"Refresh": func(ctx context.Context, w *world) error { return w.sys.Refresh(ctx, billing) },
	"Service": func(ctx context.Context, w *world) error {
		svc, err := w.sys.Service(billing)
		if err != nil {
			return err
		}
		_, err = svc.Token(ctx)
		return err
	},
	"Transport":         func(ctx context.Context, w *world) error { _, err := throughTransport(ctx, w, billing); return err },
	"PerRPCCredentials": func(ctx context.Context, w *world) error { _, err := throughPerRPC(ctx, w, billing); return err },
}

func TestP8ACallersDeadlineIsKept(t *testing.T) {
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.After(9*time.Second, idptest.Token(time.Hour)))
				w := begin(t, idp, setup{})
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				err := wait(ctx, w)
				if took := sinceStart(); took != 3*time.Second {
					t.Errorf("answered after %v", took)
				}
				refusedAt(t, name, err, messages.ErrTimeout)
				checkCause(t, name, err, context.DeadlineExceeded)
				checkFlightGoesOn(w)
			})
		})
	}
}

// checkCause fails the test unless the error says, too, how the caller's context
// ended.
func checkCause(t *testing.T, door string, err, cause error) {
	t.Helper()
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if door != "PerRPCCredentials" && errors.Is(err, end) != (end == cause) {
			t.Errorf("error %v, want one that matches %v alone", err, cause)
		}
	}
}

// checkFlightGoesOn waits for the acquisition that the caller left.
func checkFlightGoesOn(w *world) {
	w.Helper()
	until(bubbleStart.Add(9 * time.Second))
	w.token(billing)
	w.calls(billing, 1)
}

func TestP8ACallerWhoGivesUpKillsNothing(t *testing.T) {
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.After(9*time.Second, idptest.Token(time.Hour)))
				w := begin(t, idp, setup{})
				ctx, cancel := context.WithCancel(t.Context())
				patient := callers(10, w.asking(t.Context()))
				time.AfterFunc(2*time.Second, cancel)
				err := wait(ctx, w)
				if took := sinceStart(); took != 2*time.Second {
					t.Errorf("answered after %v", took)
				}
				refusedAt(t, name, err, messages.ErrTimeout)
				checkCause(t, name, err, context.Canceled)
				checkFlightGoesOn(w)
				for range 10 {
					if o := <-patient; o.err != nil {
						t.Error(o.err)
					}
				}
			})
		})
	}
}

func TestP8ACauseIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(9*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := w.sys.Token(ctx, billing)
		if e := wantError(t, err, messages.ErrTimeout); e.Service != billing {
			t.Errorf("of service %q", e.Service)
		}
	})
}

func TestP8AMessageIsAnsweredByItsDeadline(t *testing.T) {
	tests := map[string]struct {
		deadline time.Duration // 0: none
		timeout  time.Duration
		want     time.Duration
	}{
		"its own":                    {4 * time.Second, 2 * time.Minute, 4 * time.Second},
		"none: timeout and a second": {0, 2 * time.Minute, 2*time.Minute + time.Second},
		"its own, past the timeout":  {4 * time.Minute, time.Minute, 4 * time.Minute},
		"one that is over: at once":  {-time.Second, time.Minute, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				// Another service holds the host's only place, so that no answer comes.
				idp.Play("holds", idptest.Hang())
				w := begin(t, idp, setup{services: map[string]config.Service{
					billing: on("shared", scripted(config.Settings{Timeout: new(tc.timeout)})),
					"holds": on("shared", scripted(config.Settings{Timeout: new(5 * time.Minute)})),
				}, limits: config.Limits{InFlightPerHost: 1}})
				go func() { _, _ = w.sys.Token(t.Context(), "holds") }()
				synctest.Wait()
				start := time.Now()
				m := &messages.GetToken{Service: billing}
				if tc.deadline != 0 {
					m.Deadline = start.Add(tc.deadline)
				}
				wantError(t, ask[*messages.TokenReply](w, m).Err, messages.ErrTimeout)
				if took := time.Since(start); took != tc.want {
					t.Errorf("answered after %v, want %v", took, tc.want)
				}
			})
		})
	}
}

func TestP8ADeadlineKillsNoFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(9*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{})
		for _, ctx := range []context.Context{overdue(t), overdue(t)} {
			if _, err := w.sys.Token(ctx, billing); !errors.Is(err, messages.ErrTimeout) {
				t.Errorf("with no time at all: %v", err)
			}
		}
		if _, err := w.sys.Token(t.Context(), billing); err != nil {
			t.Error(err)
		}
		w.calls(billing, 1)
	})
}

func TestP8ATokenSourceWaitsForTheTimeoutAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Deaf(5*time.Minute, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{services: map[string]config.Service{billing: scripted(config.Settings{Timeout: new(7 * time.Second)})}})
		_, err := w.sys.TokenSource(billing).Token()
		if took := sinceStart(); took > 7*time.Second {
			t.Errorf("waited for %v", took)
		}
		if err == nil {
			t.Error("got a token")
		}
	})
}

func TestP8AnAcquisitionRunsOnItsOwnDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Hang())
		w := begin(t, idp, setup{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := w.sys.Token(ctx, billing)
		e := wantError(t, err, messages.ErrUnavailable)
		if took := sinceStart(); took != 10*time.Second || e.Class != messages.ClassTransient || e.Attempts != 1 {
			t.Errorf("after %v: %+v", took, e)
		}
		if errors.Is(err, messages.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller's own time did not run out: %v", err)
		}
	})
}
