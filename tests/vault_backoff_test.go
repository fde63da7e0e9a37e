package tests

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/tests/fakes/idptest"
)

func TestARestartKeepsTheBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, s := idptest.New(), setup{vault: kept(t)}
		idp.Play(billing, idptest.Throttle(messages.ClassThrottled, 10*time.Minute))
		w := begin(t, idp, s)
		w.refused(billing, messages.ErrUnavailable)
		w.stop()
		w = begin(t, idp, s)
		pass(time.Minute)
		w.calls(billing, 1)
	})
}

// A process that starts again and again must not lock an account: no restart adds an
// attempt, nor does it put one off.
func TestARestartAddsNoAttemptWithRefusedCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		refuse idptest.Step
		pauses []time.Duration
	}{
		"of a client": {idptest.Fail(messages.ClassRejected), []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute}},
		"of a person": {idptest.Refuse(), []time.Duration{5 * time.Minute, time.Hour, 2 * time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, s := idptest.New(), setup{vault: kept(t)}
				idp.Play(billing, c.refuse)
				w := begin(t, idp, s)
				w.refused(billing, messages.ErrRejected)
				for i, pause := range c.pauses {
					again := time.Now().Add(pause)
					for range 3 {
						w.stop()
						w = begin(t, idp, s)
						w.refused(billing, messages.ErrRejected)
						pass(6 * time.Second)
					}
					justBefore(again)
					w.calls(billing, i+1)
					pass(time.Nanosecond)
					w.calls(billing, i+2)
				}
			})
		})
	}
}

func TestRejectedTriesEndOverRestartsToo(t *testing.T) {
	for _, tries := range []int{1, 3} {
		t.Run(fmt.Sprint(tries), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				s := setup{vault: kept(t), services: map[string]config.Service{billing: scripted(config.Settings{RejectedTries: new(tries)})}}
				idp.Play(billing, idptest.Refuse())
				w := begin(t, idp, s)
				w.refused(billing, messages.ErrRejected)
				for range 5 {
					pass(7 * time.Hour)
					w.stop()
					w = begin(t, idp, s)
					pass(time.Minute)
				}
				w.calls(billing, tries)
				if e := w.refused(billing, messages.ErrRejected); !e.NextTry.IsZero() {
					t.Errorf("next try %v", e.NextTry)
				}
				wantError(t, w.sys.Refresh(t.Context(), billing), messages.ErrRejected)
				w.calls(billing, tries+1)
				idp.Play(billing, idptest.Token(time.Hour))
				pass(2 * time.Second)
				if err := w.sys.Refresh(t.Context(), billing); err != nil {
					t.Error(err)
				}
				w.token(billing)
			})
		})
	}
}

// More tries count from when they are permitted.
func TestMoreRejectedTriesGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Refuse())
		w := begin(t, idp, setup{services: map[string]config.Service{billing: scripted(config.Settings{RejectedTries: new(1)})}})
		w.refused(billing, messages.ErrRejected)
		pass(time.Hour)
		w.calls(billing, 1)
		w.apply(func(s map[string]config.Service) { s[billing] = scripted(config.Settings{RejectedTries: new(2)}) })
		pass(time.Second)
		w.calls(billing, 2)
		pass(24 * time.Hour)
		w.calls(billing, 2)
		w.apply(func(s map[string]config.Service) { s[billing] = scripted(config.Settings{}) })
		pass(time.Second)
		w.calls(billing, 3)
	})
}

// A wall clock that was set back does not make the pause longer.
func TestARestartTriesWhatWasRefusedInTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, s := idptest.New(), setup{vault: kept(t)}
		idp.Play(billing, idptest.Fail(messages.ClassRejected))
		clock := &steppable{}
		s.options = []system.Option{clock.option()}
		w := begin(t, idp, s)
		w.refused(billing, messages.ErrRejected)
		w.stop()
		clock.step(-10 * time.Minute)
		w = begin(t, idp, s)
		pass(30*time.Second - time.Nanosecond)
		w.calls(billing, 1)
		pass(time.Nanosecond)
		w.calls(billing, 2)
	})
}

// A corrected secret ends every pause, and every end, at once: while the node runs and
// while it does not.
func TestACorrectedPasswordIsTriedAtOnce(t *testing.T) {
	for name, stopped := range map[string]bool{"while the node runs": false, "while it is stopped": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, f := idptest.New(), newSecretFile(t, "wrong")
				s := setup{vault: kept(t), services: map[string]config.Service{
					billing: reading(scripted(config.Settings{RejectedTries: new(1)}), f),
				}}
				idp.Play(billing, idptest.Refuse())
				w := begin(t, idp, s)
				w.refused(billing, messages.ErrRejected)
				pass(10 * time.Hour)
				w.calls(billing, 1)
				idp.Play(billing, idptest.Token(time.Hour))
				if stopped {
					w.stop()
				}
				f.replace("right")
				if stopped {
					w = begin(t, idp, s)
					pass(6 * time.Second)
				} else {
					pass(noticed)
				}
				w.calls(billing, 2)
				w.token(billing)
			})
		})
	}
}
