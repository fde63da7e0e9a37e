package httpapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestDeadlineEndsAsAnyOtherContext(t *testing.T) {
	tests := map[string]struct {
		parent, bound, wait time.Duration
		done                bool
	}{
		"before its time":             {time.Hour, time.Second, time.Second - time.Nanosecond, false},
		"at its time":                 {time.Hour, time.Second, time.Second, true},
		"no time at all":              {time.Hour, 0, 0, true},
		"when the request ends first": {time.Millisecond, time.Second, time.Millisecond, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithTimeout(t.Context(), tt.parent)
				defer cancel()
				polled, waited := within(parent, tt.bound), within(parent, tt.bound)
				defer polled.stop()
				defer waited.stop()
				done := waited.Done()
				time.Sleep(tt.wait)
				synctest.Wait()
				if errors.Is(polled.Err(), context.DeadlineExceeded) != tt.done || errors.Is(waited.Err(), context.DeadlineExceeded) != tt.done {
					t.Errorf("polled %v, waited for %v", polled.Err(), waited.Err())
				}
				select {
				case <-done:
					if !tt.done {
						t.Error("it has ended")
					}
				default:
					if tt.done {
						t.Error("it has not ended")
					}
				}
				want := min(tt.parent, tt.bound) - tt.wait
				if at, ok := waited.Deadline(); !ok || time.Until(at) != want {
					t.Errorf("deadline in %s, want %s", time.Until(at), want)
				}
			})
		})
	}
}

func TestDeadlinesChildrenEndWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := within(t.Context(), time.Second)
		defer d.stop()
		child, cancel := context.WithCancel(d)
		defer cancel()
		<-child.Done()
		if !errors.Is(child.Err(), context.DeadlineExceeded) {
			t.Errorf("the child ended with %v", child.Err())
		}
	})
}

func TestDeadlineStopsWhetherStartedOrNot(t *testing.T) {
	idle, started := within(t.Context(), time.Hour), within(t.Context(), time.Hour)
	done := started.Done()
	idle.stop()
	started.stop()
	<-done
	<-idle.Done()
}

// A process that was stopped when a request's time came finds what the request waited
// for a moment later.
func TestADeadlineThatIsNoticedLateIsSpared(t *testing.T) {
	for name, c := range map[string]struct{ late, want time.Duration }{
		"in time":           {0, 0},
		"on a busy machine": {busy, 0},
		"after a stop":      {busy + 1, busy + 1},
		"after a long one":  {time.Hour, mercy},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := within(t.Context(), -c.late)
				defer d.stop()
				begun := time.Now()
				if c.want > 0 {
					done := d.Done()
					time.Sleep(c.want - time.Nanosecond)
					if d.Err() != nil || hasEnded(done) {
						t.Errorf("it ended early: %v", d.Err())
					}
				}
				<-d.Done()
				if got := time.Since(begun); got != c.want || d.Err() != context.DeadlineExceeded {
					t.Errorf("it ended after %s by %v, want %s", got, d.Err(), c.want)
				}
			})
		})
	}
}

func hasEnded(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
