package schedule_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"tokend/actors/schedule"
)

var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// moment returns the Instant at which both clocks have run for d, the wall clock
// being stepped by step.
func moment(d, step time.Duration) schedule.Instant { return schedule.At(epoch.Add(d+step), d) }

func TestAnInstantIsReachedByEitherClock(t *testing.T) {
	deadline := moment(time.Hour, 0)
	tests := map[string]struct {
		now     schedule.Instant
		left    time.Duration
		reached bool
	}{
		"a nanosecond before on both clocks":        {moment(time.Hour-1, 0), 1, false},
		"at it on both":                             {moment(time.Hour, 0), 0, true},
		"past it on both":                           {moment(2*time.Hour, 0), -time.Hour, true},
		"the wall clock was stepped to it":          {moment(time.Minute, 59*time.Minute), 0, true},
		"the wall clock was stepped to just before": {moment(time.Minute, 59*time.Minute-1), 1, false},
		"the wall clock was stepped back":           {moment(time.Hour, -5*time.Hour), 0, true},
		"stepped back and not there by the other":   {moment(time.Hour-1, -5*time.Hour), 1, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := deadline.Until(tc.now); got != tc.left {
				t.Errorf("left %v, want %v", got, tc.left)
			}
			if got := deadline.Reached(tc.now); got != tc.reached {
				t.Errorf("reached %v, want %v", got, tc.reached)
			}
		})
	}
}

func TestTheZeroInstantNeverComes(t *testing.T) {
	var never schedule.Instant
	if !never.IsZero() || never.Reached(moment(longest, 0)) || !never.Time().IsZero() {
		t.Error("the zero Instant came")
	}
	if got := schedule.Earliest(moment(0, 0), never, moment(time.Hour, 0), never); got != moment(time.Hour, 0) {
		t.Errorf("Earliest chose %v", got.Time())
	}
	if got := schedule.Earliest(moment(0, 0), never); !got.IsZero() {
		t.Errorf("Earliest of none is %v", got.Time())
	}
}

func TestDriftIsWhatTheWallClockWasSteppedBy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := anyDuration(longest).Draw(t, "from"), anyDuration(longest).Draw(t, "to")
		step := time.Duration(rapid.Int64Range(int64(-longest), int64(longest)).Draw(t, "step"))
		if got := moment(to, step).Drift(moment(from, 0)); got != step {
			t.Fatalf("drift %v, want %v", got, step)
		}
	})
}

func TestInstantsAreOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := moment(anyDuration(longest).Draw(t, "now"), 0)
		a, b := moment(anyDuration(longest).Draw(t, "a"), 0), moment(anyDuration(longest).Draw(t, "b"), 0)
		first, last := schedule.Earliest(now, a, b), schedule.Latest(now, a, b)
		if first.Until(now) > last.Until(now) {
			t.Fatalf("the earliest comes %v after the latest", first.Until(last))
		}
		if (first != a || last != b) && (first != b || last != a) {
			t.Fatal("Earliest and Latest did not share the two between them")
		}
	})
}

func TestTimeIsTheWallClockInUTC(t *testing.T) {
	zone := time.FixedZone("elsewhere", 3600)
	got := schedule.At(epoch.In(zone), time.Hour).Add(time.Minute).Time()
	if want := epoch.Add(time.Minute); !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestDeadlinesAreThePlanFromBirth(t *testing.T) {
	plan := schedule.NewPlan(time.Hour, standard(), 0)
	birth := moment(time.Minute, 0)
	want := schedule.Deadlines{
		Refresh: birth.Add(plan.Refresh), Warn: birth.Add(plan.Warn),
		LastChance: birth.Add(plan.LastChance), Expiry: birth.Add(time.Hour),
	}
	if got := plan.Deadlines(birth); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got := (schedule.Plan{}).Deadlines(birth); got != (schedule.Deadlines{}) {
		t.Errorf("a token without expiry has the deadlines %v", got)
	}
}

func TestShownIsWhatTheWallClockWillShow(t *testing.T) {
	wall := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	due := schedule.At(wall.Add(time.Hour), 2*time.Hour)
	tests := map[string]struct {
		now  schedule.Instant
		want time.Time
	}{
		"the clocks run evenly":     {schedule.At(wall, time.Hour), wall.Add(time.Hour)},
		"the wall clock is steered": {schedule.At(wall.Add(-900*time.Millisecond), time.Hour), wall.Add(time.Hour)},
		"it was set back by hours":  {schedule.At(wall.Add(-2*time.Hour), time.Hour), wall.Add(-time.Hour)},
		"it was set forward":        {schedule.At(wall.Add(30*time.Minute), time.Hour), wall.Add(time.Hour)},
		"the machine slept":         {schedule.At(wall.Add(2*time.Hour), time.Hour), wall.Add(time.Hour)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := due.Shown(tt.now); !got.Equal(tt.want) {
				t.Errorf("shown %v, want %v", got, tt.want)
			}
		})
	}
	if !(schedule.Instant{}).Shown(schedule.At(wall, 0)).IsZero() {
		t.Error("never is shown as some time")
	}
}
