package schedule_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tokend/actors/schedule"
	"tokend/messages"
)

// floor is the least pause between two attempts that nobody asked for.
const floor = 100 * time.Millisecond

func TestPauseAfterEachClass(t *testing.T) {
	type outcome = schedule.Outcome
	tests := map[string]struct {
		outcome outcome
		want    time.Duration // with half a roll
	}{
		"the first transient failure":             {outcome{Class: messages.ClassTransient, Streak: 1, Living: true}, 500 * time.Millisecond},
		"the second doubles":                      {outcome{Class: messages.ClassTransient, Streak: 2, Living: true}, time.Second},
		"the sixth doubles still":                 {outcome{Class: messages.ClassTransient, Streak: 6, Living: true}, 16 * time.Second},
		"with a living token the cap is a minute": {outcome{Class: messages.ClassTransient, Streak: 7, Living: true}, 30 * time.Second},
		"with a dead one it is half of that":      {outcome{Class: messages.ClassTransient, Streak: 6}, 15 * time.Second},
		"the cap holds for any streak":            {outcome{Class: messages.ClassTransient, Streak: math.MaxInt}, 15 * time.Second},
		"a malformed answer is like a transient":  {outcome{Class: messages.ClassMalformed, Streak: 3, Living: true}, 2 * time.Second},
		"so is a panic":                           {outcome{Class: messages.ClassPanic, Streak: 3, Living: true}, 2 * time.Second},
		"so is an ambiguous answer":               {outcome{Class: messages.ClassAmbiguous, Streak: 3, Living: true}, 2 * time.Second},
		"so is the same token again":              {outcome{Streak: 3, Living: true}, 2 * time.Second},
		"throttled without a wish is a transient": {outcome{Class: messages.ClassThrottled, Streak: 3, Living: true}, 2 * time.Second},
		"throttled waits as told":                 {outcome{Class: messages.ClassThrottled, Streak: 9, RetryAfter: 90 * time.Second}, 90 * time.Second},
		"for an hour at most":                     {outcome{Class: messages.ClassThrottled, Streak: 1, RetryAfter: 3 * time.Hour}, time.Hour},
		"rejected, no token: the floor":           {outcome{Class: messages.ClassRejected, Streak: 1}, 30 * time.Second},
		"rejected, a minute's token: the floor":   {outcome{Class: messages.ClassRejected, Streak: 1, Life: time.Minute}, 30 * time.Second},
		"rejected, ten minutes: a fifth":          {outcome{Class: messages.ClassRejected, Streak: 1, Life: 10 * time.Minute}, 2 * time.Minute},
		"rejected, an hour: the ceiling":          {outcome{Class: messages.ClassRejected, Streak: 1, Life: time.Hour}, 5 * time.Minute},
		"rejected again: doubled":                 {outcome{Class: messages.ClassRejected, Streak: 2, Life: time.Hour}, 10 * time.Minute},
		"rejected four times: doubled thrice":     {outcome{Class: messages.ClassRejected, Streak: 4, Life: time.Hour}, 40 * time.Minute},
		"rejected five times: an hour":            {outcome{Class: messages.ClassRejected, Streak: 5, Life: time.Hour}, time.Hour},
		"rejected for ever: an hour":              {outcome{Class: messages.ClassRejected, Streak: math.MaxInt, Life: time.Hour}, time.Hour},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := schedule.Pause(tc.outcome, 0.5); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func anyOutcome() *rapid.Generator[schedule.Outcome] {
	classes := []string{
		"", messages.ClassRejected, messages.ClassMalformed, messages.ClassThrottled,
		messages.ClassAmbiguous, messages.ClassPanic, messages.ClassTransient, "unheard of",
	}
	return rapid.Custom(func(t *rapid.T) schedule.Outcome {
		return schedule.Outcome{
			Class:      rapid.SampledFrom(classes).Draw(t, "class"),
			Streak:     rapid.IntMin(1).Draw(t, "streak"),
			RetryAfter: anyDuration(2*day).Draw(t, "retry_after"),
			Life:       anyDuration(longest).Draw(t, "life"),
			Living:     rapid.Bool().Draw(t, "living"),
		}
	})
}

func TestEveryPauseIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyOutcome().Draw(t, "outcome")
		limit := 30 * time.Second
		switch {
		case o.Class == messages.ClassRejected, o.Class == messages.ClassThrottled && o.RetryAfter > 0:
			limit = time.Hour
		case o.Living:
			limit = time.Minute
		}
		got := schedule.Pause(o, anyRoll().Draw(t, "roll"))
		if got <= 0 || got > limit {
			t.Fatalf("a pause of %v, bounded by %v", got, limit)
		}
		if o.Class != messages.ClassThrottled && got < floor {
			t.Fatalf("a pause of %v is a storm", got)
		}
	})
}

func TestNextTry(t *testing.T) {
	plan := schedule.NewPlan(time.Hour, standard(), 0) // refresh 45m, last chance 59m49s
	living := plan.Deadlines(moment(0, 0))
	none := schedule.Plan{}.Deadlines(moment(0, 0))
	chance := time.Hour - 11*time.Second
	tests := map[string]struct {
		now, pause time.Duration
		living     *schedule.Deadlines
		forced     bool
		want       time.Duration
	}{
		"after the refresh point it is the pause":         {50 * time.Minute, time.Minute, &living, false, 51 * time.Minute},
		"before it, it is the refresh point":              {time.Minute, time.Second, &living, false, 45 * time.Minute},
		"before it, forced, it is the pause":              {time.Minute, time.Second, &living, true, time.Minute + time.Second},
		"a pause past the last chance ends there":         {50 * time.Minute, time.Hour, &living, false, chance},
		"a nanosecond before the last chance it is that":  {chance - 1, time.Hour, &living, false, chance},
		"at the last chance the next is expiry":           {chance, time.Hour, &living, false, time.Hour},
		"after the last chance a short pause is kept":     {chance + time.Second, time.Second, &living, false, chance + 2*time.Second},
		"a nanosecond before expiry it is expiry":         {time.Hour - 1, time.Hour, &living, false, time.Hour},
		"at expiry it is the pause":                       {time.Hour, time.Hour, &living, false, 2 * time.Hour},
		"without a token it is the pause":                 {time.Minute, time.Hour, nil, false, 61 * time.Minute},
		"a token without expiry leaves the pause":         {time.Minute, time.Hour, &none, false, 61 * time.Minute},
		"forced, a long pause still ends at last chances": {time.Minute, 2 * time.Hour, &living, true, chance},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := schedule.NextTry(moment(tc.now, 0), tc.pause, tc.living, tc.forced)
			if got != moment(tc.want, 0) {
				t.Errorf("%v, want %v", got.Until(moment(0, 0)), tc.want)
			}
		})
	}
}

func TestTheNextTryIsNeverPastExpiryNorBeforeRefresh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life := anyLife().Draw(t, "life")
		plan := schedule.NewPlan(life, anyPolicy().Draw(t, "policy"), anyRoll().Draw(t, "roll"))
		living := plan.Deadlines(moment(0, 0))
		now := moment(anyDuration(life-1).Draw(t, "now"), 0)
		pause := schedule.Pause(anyOutcome().Draw(t, "outcome"), anyRoll().Draw(t, "roll"))
		forced := rapid.Bool().Draw(t, "forced")

		next := schedule.NextTry(now, pause, &living, forced)
		switch {
		case next.Until(now) <= 0:
			t.Fatalf("next try %v from now", next.Until(now))
		case next.Until(living.Expiry) > 0:
			t.Fatalf("next try %v after expiry", next.Until(living.Expiry))
		case !living.LastChance.Reached(now) && next.Until(living.LastChance) > 0:
			t.Fatalf("next try %v after the last chance", next.Until(living.LastChance))
		case !forced && next.Until(living.Refresh) < 0:
			t.Fatalf("next try %v before the refresh point", living.Refresh.Until(next))
		}
	})
}

func TestInvalidationPauseDoublesToFiveMinutes(t *testing.T) {
	want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}
	pause := time.Duration(0)
	for i, seconds := range want {
		pause = schedule.InvalidationPause(pause, true)
		if pause != seconds*time.Second {
			t.Fatalf("pause %d is %v, want %v", i, pause, seconds*time.Second)
		}
	}
	if got := schedule.InvalidationPause(pause, false); got != time.Second {
		t.Errorf("after a token that was good for long it is %v, want 1s", got)
	}
	if !schedule.Suspicious(time.Minute-1) || schedule.Suspicious(time.Minute) {
		t.Error("suspicious is not under a minute")
	}
}

func TestRestartPause(t *testing.T) {
	if got := schedule.RestartPause(1, almostOne); got != 0 {
		t.Errorf("the first restart waits for %v", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntMin(2).Draw(t, "n")
		roll := anyRoll().Draw(t, "roll")
		got := schedule.RestartPause(n, roll)
		if got <= 0 || got > 30*time.Second {
			t.Fatalf("restart %d waits for %v", n, got)
		}
		if n < math.MaxInt && schedule.RestartPause(n+1, roll) < got {
			t.Fatalf("restart %d waits for less than the one before", n+1)
		}
	})
}
