package tests

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tokend/messages"
	"tokend/system"
	"tokend/tests/fakes/idptest"
)

// steppable is a wall clock that tests step.
type steppable struct{ offset atomic.Int64 }

func (c *steppable) now() time.Time        { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *steppable) step(d time.Duration)  { c.offset.Add(int64(d)) }
func (c *steppable) option() system.Option { return system.WithClock(c.now) }

// steps are what a wall clock may be stepped by.
var steps = []time.Duration{time.Hour, -time.Hour, 24 * time.Hour, -24 * time.Hour}

func TestAStepOfTheClockShortensNobodysWait(t *testing.T) {
	for _, step := range steps {
		t.Run(step.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, clock := idptest.New(), &steppable{}
				idp.Play(billing, idptest.After(5*time.Second, idptest.Token(time.Hour)))
				w := begin(t, idp, setup{options: []system.Option{clock.option()}})
				clock.step(step)
				ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
				defer cancel()
				hurried := callers(10, w.asking(ctx))
				patient := callers(10, w.asking(t.Context()))
				pass(2 * time.Second)
				clock.step(-step.Abs()) // forward it would age the token, as sleep does
				pass(3 * time.Second)
				for range 10 {
					for _, got := range []outcome{<-hurried, <-patient} {
						if got.err != nil || got.at.Sub(bubbleStart) != 5*time.Second {
							t.Fatalf("after %v: %v", got.at.Sub(bubbleStart), got.err)
						}
					}
				}
				w.calls(billing, 1)
			})
		})
	}
}

func TestAStepOfTheClockProlongsNobodysWait(t *testing.T) {
	for _, step := range steps {
		t.Run(step.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, clock := idptest.New(), &steppable{}
				idp.Play(billing, idptest.Hang())
				w := begin(t, idp, setup{options: []system.Option{clock.option()}})
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				hurried, patient := callers(1, w.asking(ctx)), callers(1, w.asking(t.Context()))
				pass(time.Second)
				clock.step(step)
				// A step forward may end the acquisition, as sleep would have, but not later
				// than the caller's own time does.
				o := <-hurried
				if took := o.at.Sub(bubbleStart); o.err == nil || took > 3*time.Second {
					t.Errorf("who had 3s waited for %v: %v", took, o.err)
				}
				o = <-patient
				if took := o.at.Sub(bubbleStart); o.err == nil || took > 11*time.Second {
					t.Errorf("who had no deadline waited for %v: %v", took, o.err)
				}
			})
		})
	}
}

func TestAStepOfTheClockDelaysNoRetry(t *testing.T) {
	for _, step := range steps {
		t.Run(step.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, clock := idptest.New(), &steppable{}
				idp.Play(billing, idptest.Token(time.Hour), idptest.Fail(messages.ClassTransient))
				w := begin(t, idp, setup{options: []system.Option{clock.option()}})
				w.token(billing)
				pass(2 * time.Hour)
				clock.step(step)
				idp.Play(billing, idptest.Token(time.Hour))
				pass(30 * time.Second)
				w.token(billing)
				w.ready(true)
				checkAlive(w, clock)
			})
		})
	}
}

func TestAStepOfTheClockIsNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, clock := idptest.New(), &steppable{}
		w := begin(t, idp, setup{options: []system.Option{clock.option()}})
		w.token(billing)
		for i := range 24 * 60 {
			clock.step(steps[i%len(steps)] / 48) // there and back again
			w.token(billing)
			pass(time.Minute)
		}
		if n := idp.Count(billing); n > 2*24*60/30 {
			t.Errorf("%d acquisitions in a day", n)
		}
	})
}
