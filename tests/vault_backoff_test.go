package tests

import (
	"testing"
	"testing/synctest"
	"time"

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

// They may have been corrected while nobody was there to notice; but a process that
// starts again and again must not lock an account.
func TestARestartTriesRefusedCredentialsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, s := idptest.New(), setup{vault: kept(t)}
		idp.Play(billing, idptest.Fail(messages.ClassRejected))
		w := begin(t, idp, s)
		w.refused(billing, messages.ErrRejected)
		for calls := 1; calls <= 3; calls++ {
			again := time.Now().Add(30 * time.Second)
			for range 3 {
				w.stop()
				w = begin(t, idp, s)
				pass(3 * time.Second)
			}
			pass(time.Until(again) - time.Nanosecond)
			w.calls(billing, calls)
			pass(time.Nanosecond)
			w.calls(billing, calls+1)
		}
		w.stop()
		pass(time.Minute)
		w = begin(t, idp, s)
		pass(5 * time.Second)
		w.calls(billing, 5)
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
