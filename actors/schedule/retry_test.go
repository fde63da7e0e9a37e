package schedule_test

import (
	"math"
	"slices"
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
		"rejected, a client: half a minute":       {outcome{Class: messages.ClassRejected, Streak: 1}, 30 * time.Second},
		"a living token changes nothing in it":    {outcome{Class: messages.ClassRejected, Streak: 1, Living: true, Left: time.Hour}, 30 * time.Second},
		"rejected again: doubled":                 {outcome{Class: messages.ClassRejected, Streak: 2}, time.Minute},
		"rejected five times: doubled four times": {outcome{Class: messages.ClassRejected, Streak: 5}, 8 * time.Minute},
		"rejected six times: a quarter":           {outcome{Class: messages.ClassRejected, Streak: 6}, 15 * time.Minute},
		"rejected for ever: a quarter":            {outcome{Class: messages.ClassRejected, Streak: math.MaxInt}, 15 * time.Minute},
		"a person: five minutes":                  {outcome{Class: messages.ClassRejected, Streak: 1, Person: true}, 5 * time.Minute},
		"a person again: an hour":                 {outcome{Class: messages.ClassRejected, Streak: 2, Person: true}, time.Hour},
		"a person thrice: two hours":              {outcome{Class: messages.ClassRejected, Streak: 3, Person: true}, 2 * time.Hour},
		"a person four times: four hours":         {outcome{Class: messages.ClassRejected, Streak: 4, Person: true}, 4 * time.Hour},
		"a person five times: six hours":          {outcome{Class: messages.ClassRejected, Streak: 5, Person: true}, 6 * time.Hour},
		"a person for ever: six hours":            {outcome{Class: messages.ClassRejected, Streak: math.MaxInt, Person: true}, 6 * time.Hour},
		"a person, but no refusal: the usual":     {outcome{Class: messages.ClassTransient, Streak: 2, Person: true}, time.Second},
		"sparing: five minutes at least":          {outcome{Class: messages.ClassTransient, Streak: 9, Sparing: true}, 5 * time.Minute},
		"sparing, and told to wait for longer":    {outcome{Class: messages.ClassThrottled, Streak: 1, Sparing: true, RetryAfter: 10 * time.Minute}, 10*time.Minute + 30*time.Second},
		"sparing, and told to wait for less":      {outcome{Class: messages.ClassThrottled, Streak: 1, Sparing: true, RetryAfter: time.Minute}, 5 * time.Minute},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := schedule.Pause(tc.outcome, 0.5); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func TestWhatAnIdPAsksForIsHonouredWithinBounds(t *testing.T) {
	tests := map[string]struct {
		told        time.Duration
		page        bool
		left        time.Duration // of a living token; 0: there is none
		least, most time.Duration // over all rolls
	}{
		"as told, and a tenth more":            {90 * time.Second, false, 0, 90 * time.Second, 99 * time.Second},
		"an hour":                              {time.Hour, false, 0, time.Hour, 66 * time.Minute},
		"more than an hour: that, or less":     {3 * time.Hour, false, 0, 54 * time.Minute, time.Hour},
		"a year":                               {365 * day, false, 0, 54 * time.Minute, time.Hour},
		"a page: as told":                      {time.Minute, true, 0, time.Minute, 66 * time.Second},
		"a page: five minutes":                 {5 * time.Minute, true, 0, 5 * time.Minute, 330 * time.Second},
		"a page that wants more":               {time.Hour, true, 0, 270 * time.Second, 5 * time.Minute},
		"a living token has time":              {time.Minute, false, time.Hour, time.Minute, 66 * time.Second},
		"a living token: half of what is left": {time.Hour, false, 20 * time.Minute, 9 * time.Minute, 10 * time.Minute},
		"exactly half of what is left":         {10 * time.Minute, false, 20 * time.Minute, 10 * time.Minute, 10 * time.Minute},
		"a page, and half of what is left":     {time.Hour, true, 4 * time.Minute, 108 * time.Second, 2 * time.Minute},
		"hardly anything is left: the usual":   {time.Hour, false, 100 * time.Millisecond, 100 * time.Millisecond, time.Second},
		"a nanosecond":                         {time.Nanosecond, false, 0, 100 * time.Millisecond, 100 * time.Millisecond},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := schedule.Outcome{
				Class: messages.ClassThrottled, Streak: 1, RetryAfter: tc.told, Page: tc.page, Living: tc.left > 0, Left: tc.left,
			}
			var pauses []time.Duration
			for _, roll := range []float64{0, 0.25, 0.5, 0.75, almostOne} {
				pause := schedule.Pause(o, roll)
				if pause < tc.least || pause > tc.most {
					t.Errorf("with a roll of %v: %v, want %v to %v", roll, pause, tc.least, tc.most)
				}
				pauses = append(pauses, pause)
			}
			if spread := slices.Max(pauses) - slices.Min(pauses); spread < (tc.most-tc.least)/2 {
				t.Errorf("spread over %v only", spread)
			}
		})
	}
}

func TestAnAbsurdWishIsKnown(t *testing.T) {
	for name, tc := range map[string]struct {
		told   time.Duration
		page   bool
		want   time.Duration
		capped bool
	}{
		"of an API":                {time.Hour, false, time.Hour, false},
		"of an API, absurd":        {time.Hour + 1, false, time.Hour, true},
		"of a page":                {5 * time.Minute, true, 5 * time.Minute, false},
		"of a page, absurd":        {5*time.Minute + 1, true, 5 * time.Minute, true},
		"of a page, not of an API": {10 * time.Minute, false, 10 * time.Minute, false},
	} {
		if got, capped := schedule.Honoured(tc.told, tc.page); got != tc.want || capped != tc.capped {
			t.Errorf("%s: %v, %v", name, got, capped)
		}
	}
}

func TestFirmPausesAreThoseThatSpareALogin(t *testing.T) {
	for name, tc := range map[string]struct {
		outcome schedule.Outcome
		want    bool
	}{
		"a person refused":      {schedule.Outcome{Class: messages.ClassRejected, Person: true}, true},
		"a client refused":      {schedule.Outcome{Class: messages.ClassRejected}, false},
		"trouble with a person": {schedule.Outcome{Class: messages.ClassTransient, Person: true}, false},
		"a page for a login":    {schedule.Outcome{Class: messages.ClassTransient, Sparing: true}, true},
		"throttled":             {schedule.Outcome{Class: messages.ClassThrottled, RetryAfter: time.Hour}, false},
	} {
		if got := tc.outcome.Firm(); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
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
			Page:       rapid.Bool().Draw(t, "page"),
			Person:     rapid.Bool().Draw(t, "person"),
			Sparing:    rapid.Bool().Draw(t, "sparing"),
			Living:     rapid.Bool().Draw(t, "living"),
			Left:       anyDuration(longest).Draw(t, "left"),
		}
	})
}

func TestEveryPauseIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyOutcome().Draw(t, "outcome")
		limit := 30 * time.Second
		switch {
		case o.Class == messages.ClassRejected && o.Person:
			limit = 6 * time.Hour
		case o.Class == messages.ClassRejected:
			limit = 15 * time.Minute
		case o.Class == messages.ClassThrottled && o.RetryAfter > 0:
			limit = 66 * time.Minute
		case o.Living:
			limit = time.Minute
		}
		if o.Sparing {
			limit = max(limit, 5*time.Minute)
		}
		got := schedule.Pause(o, anyRoll().Draw(t, "roll"))
		if got <= 0 || got > limit {
			t.Fatalf("a pause of %v, bounded by %v", got, limit)
		}
		if got < floor {
			t.Fatalf("a pause of %v is a storm", got)
		}
		if o.Firm() && got < 5*time.Minute {
			t.Fatalf("a pause of %v may lock an account", got)
		}
	})
}

func TestNextTry(t *testing.T) {
	plan := schedule.NewPlan(time.Hour, standard(), 0) // refresh 45m, last chance 59m49s
	living := plan.Deadlines(moment(0, 0))
	none := schedule.Plan{}.Deadlines(moment(0, 0))
	firm := living.WithoutChances()
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
		"a firm pause goes past the last chance":          {50 * time.Minute, time.Hour, &firm, false, 110 * time.Minute},
		"a firm pause ends at the refresh point at least": {time.Minute, time.Second, &firm, false, 45 * time.Minute},
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
