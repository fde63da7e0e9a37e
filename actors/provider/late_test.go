package provider

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// back has the clocks say that an alarm was set earlier than it was.
func (a *alarm) back(wall, boot time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.set = moment{a.set.at.Add(-wall), a.set.boot - boot}
}

func TestADeadlineThatIsNoticedLateCountsALittleLonger(t *testing.T) {
	const length = time.Minute
	for name, c := range map[string]struct {
		wall, boot time.Duration // passed, besides, unseen by the timer
		want       time.Duration
	}{
		"in time":                          {0, 0, 0},
		"a busy machine":                   {time.Microsecond, 0, leastGrace},
		"just as long":                     {leastGrace, 0, leastGrace},
		"a short stop":                     {700 * time.Millisecond, 0, 700 * time.Millisecond},
		"a stop":                           {15 * time.Second, 0, mostGrace},
		"sleep that one clock alone shows": {0, length + 1500*time.Millisecond, 1500 * time.Millisecond},
		"sleep that all of them show":      {3 * time.Second, length + time.Second, mostGrace},
		"a clock that was set back":        {-time.Hour, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun, rung := time.Now(), make(chan time.Time, 1)
				a := newAlarm(length, func() { rung <- time.Now() })
				a.back(c.wall, c.boot)
				time.Sleep(length + c.want - time.Nanosecond)
				synctest.Wait()
				if len(rung) > 0 {
					t.Fatalf("it rang after %s", (<-rung).Sub(begun))
				}
				// Not at once everywhere: one of the clocks is the machine's own.
				if got := (<-rung).Sub(begun) - length; got < c.want || got > c.want+leastGrace {
					t.Errorf("it counted %s longer, want %s", got, c.want)
				}
				if a.Stop() {
					t.Error("it can be kept from ringing still")
				}
			})
		})
	}
}

func TestAProcessThatIsStoppedTwiceIsGivenTimeTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rung := make(chan time.Time, 1)
		a := newAlarm(time.Minute, func() { rung <- time.Now() })
		a.back(time.Minute, 0)
		time.Sleep(time.Minute)
		synctest.Wait()
		a.back(stopped, 0)
		begun := time.Now()
		if got := (<-rung).Sub(begun); got != mostGrace+stopped {
			t.Errorf("it rang after %s more", got)
		}
	})
}

func TestAnAlarmThatIsStoppedDoesNotRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarm(time.Minute, func() { t.Error("it rang") })
		time.Sleep(time.Minute - time.Nanosecond)
		if !a.Stop() || a.Stop() {
			t.Error("it can be stopped once")
		}
		time.Sleep(time.Hour)
	})
}

func TestAContextEndsWithin(t *testing.T) {
	type key struct{}
	for name, c := range map[string]struct {
		outer time.Duration // of the context around it; 0: it is called off after a second
		want  time.Duration
		err   error
	}{
		"its time":                   {time.Hour, time.Minute, context.DeadlineExceeded},
		"the time of the one around": {10 * time.Second, 10 * time.Second, context.DeadlineExceeded},
		"the end of the one around":  {0, time.Second, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				around, end := context.WithCancel(context.WithValue(t.Context(), key{}, 1))
				defer end()
				if c.outer > 0 {
					around, end = Within(around, c.outer)
					defer end()
				} else {
					time.AfterFunc(time.Second, end)
				}
				ctx, cancel := Within(around, time.Minute)
				defer cancel()
				within, stop := context.WithCancel(context.WithValue(ctx, key{}, 2))
				defer stop()
				want := begun.Add(time.Minute)
				if c.outer > 0 && c.outer < time.Minute {
					want = begun.Add(c.outer)
				}
				if at, ok := within.Deadline(); !ok || !at.Equal(want) || ctx.Value(key{}) != 1 || ctx.Err() != nil {
					t.Errorf("deadline %s, value %v, %v", at, ctx.Value(key{}), ctx.Err())
				}
				<-within.Done()
				if got := time.Since(begun); got != c.want || within.Err() != c.err || context.Cause(within) != c.err || ctx.Err() != c.err {
					t.Errorf("ended after %s by %v, %v, %v", got, within.Err(), context.Cause(within), ctx.Err())
				}
			})
		})
	}
}
