package schedule_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"tokend/actors/schedule"
)

const (
	day     = 24 * time.Hour
	longest = 30 * day
)

// almostOne is the highest roll the dice can show.
const almostOne = 1 - 1.0/(1<<53)

func standard() schedule.Policy {
	return schedule.Policy{Timeout: 10 * time.Second, WarnBefore: 5 * time.Minute, MinTTL: 10 * time.Second}
}

func TestPlanOfEachLifetime(t *testing.T) {
	tests := map[string]struct{ life, lead, warn, chance time.Duration }{
		"one second":            {time.Second, 500 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond / 3},
		"one minute":            {time.Minute, 30 * time.Second, 12 * time.Second, 10 * time.Second},
		"the floor's last":      {2 * time.Minute, 30 * time.Second, 24 * time.Second, 10 * time.Second},
		"five minutes":          {5 * time.Minute, 75 * time.Second, time.Minute, 11 * time.Second},
		"an hour":               {time.Hour, 15 * time.Minute, 5 * time.Minute, 11 * time.Second},
		"the ceiling's first":   {80 * time.Minute, 20 * time.Minute, 5 * time.Minute, 11 * time.Second},
		"a day":                 {day, 72 * time.Minute, 5 * time.Minute, 11 * time.Second},
		"six hours":             {6 * time.Hour, 20 * time.Minute, 5 * time.Minute, 11 * time.Second},
		"thirty days":           {longest, 36 * time.Hour, 5 * time.Minute, 11 * time.Second},
		"between floor and top": {10 * time.Minute, 150 * time.Second, 2 * time.Minute, 11 * time.Second},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			plan := schedule.NewPlan(tc.life, standard(), 0)
			want := schedule.Plan{
				Life: tc.life, Lead: tc.lead, Refresh: tc.life - tc.lead,
				Warn: tc.life - tc.warn, LastChance: tc.life - tc.chance,
			}
			if plan != want {
				t.Errorf("plan\n%+v, want\n%+v", plan, want)
			}
		})
	}
}

func TestPlanFollowsItsPolicy(t *testing.T) {
	tests := map[string]struct {
		policy             schedule.Policy
		lead, warn, chance time.Duration
	}{
		"the threshold is the lead":                    {schedule.Policy{RefreshThreshold: 10 * time.Minute, WarnBefore: 5 * time.Minute}, 10 * time.Minute, 5 * time.Minute, time.Second},
		"the threshold is at most half the life":       {schedule.Policy{RefreshThreshold: 50 * time.Minute, WarnBefore: 5 * time.Minute}, 30 * time.Minute, 5 * time.Minute, time.Second},
		"a warning is at most 4/5 of the lead":         {schedule.Policy{RefreshThreshold: time.Minute, WarnBefore: 5 * time.Minute}, time.Minute, 48 * time.Second, time.Second},
		"a warning is at most a fifth of the life":     {schedule.Policy{RefreshThreshold: 30 * time.Minute, WarnBefore: time.Hour}, 30 * time.Minute, 12 * time.Minute, time.Second},
		"a short warning is kept":                      {schedule.Policy{WarnBefore: 7 * time.Second}, 15 * time.Minute, 7 * time.Second, time.Second},
		"the last chance leaves time for a try":        {schedule.Policy{WarnBefore: time.Minute, Timeout: time.Minute}, 15 * time.Minute, time.Minute, 61 * time.Second},
		"a last chance is at most a third of the lead": {schedule.Policy{WarnBefore: time.Minute, Timeout: time.Hour}, 15 * time.Minute, time.Minute, 5 * time.Minute},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			plan := schedule.NewPlan(time.Hour, tc.policy, 0)
			got := [3]time.Duration{plan.Lead, plan.Life - plan.Warn, plan.Life - plan.LastChance}
			if want := [3]time.Duration{tc.lead, tc.warn, tc.chance}; got != want {
				t.Errorf("lead, warning, last chance %v, want %v", got, want)
			}
		})
	}
}

func TestJitterIsAtMostAFifthOfTheLead(t *testing.T) {
	tests := map[string]struct {
		roll float64
		want time.Duration
	}{
		"the lowest roll draws none":   {0, 45 * time.Minute},
		"half a roll draws half of it": {0.5, 43*time.Minute + 30*time.Second},
		"a quarter draws a quarter":    {0.25, 44*time.Minute + 15*time.Second},
		"three quarters draw as many":  {0.75, 42*time.Minute + 45*time.Second},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := schedule.NewPlan(time.Hour, standard(), tc.roll).Refresh; got != tc.want {
				t.Errorf("refresh at %v, want %v", got, tc.want)
			}
		})
	}
	if got := schedule.NewPlan(time.Hour, standard(), almostOne).Refresh; got < 42*time.Minute {
		t.Errorf("the highest roll draws a refresh at %v, before 42m", got)
	}
}

func TestLastChancesCarryJitter(t *testing.T) {
	tests := map[string]struct {
		life time.Duration
		roll float64
		want time.Duration // before expiry
	}{
		"the lowest roll draws none":                  {time.Hour, 0, 11 * time.Second},
		"half a roll draws half of it":                {time.Hour, 0.5, 11*time.Second + 2750*time.Millisecond},
		"a minute's token: at most half of a third":   {time.Minute, 0.5, 12500 * time.Millisecond},
		"a second's token has one before its warning": {time.Second, 0.5, 208333332},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tc.life - schedule.NewPlan(tc.life, standard(), tc.roll).LastChance; got != tc.want {
				t.Errorf("last chance %v before expiry, want %v", got, tc.want)
			}
		})
	}
}

func anyLife() *rapid.Generator[time.Duration] {
	return rapid.Map(rapid.Int64Range(int64(time.Second), int64(longest)), func(n int64) time.Duration { return time.Duration(n) })
}

func anyDuration(limit time.Duration) *rapid.Generator[time.Duration] {
	return rapid.Map(rapid.Int64Range(0, int64(limit)), func(n int64) time.Duration { return time.Duration(n) })
}

func anyPolicy() *rapid.Generator[schedule.Policy] {
	return rapid.Custom(func(t *rapid.T) schedule.Policy {
		return schedule.Policy{
			Timeout:          anyDuration(time.Hour).Draw(t, "timeout"),
			RefreshThreshold: anyDuration(2*longest).Draw(t, "refresh_threshold"),
			WarnBefore:       anyDuration(2*longest).Draw(t, "warn_before"),
			MinTTL:           anyDuration(day).Draw(t, "min_ttl"),
		}
	})
}

func anyRoll() *rapid.Generator[float64] { return rapid.Float64Range(0, almostOne) }

type fatalf interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkOrder fails unless the plan keeps what every plan promises.
func checkOrder(t fatalf, plan schedule.Plan, life time.Duration) {
	t.Helper()
	jitter := life - plan.Lead - plan.Refresh
	switch {
	case plan.Life != life:
		t.Fatalf("life %v of a token that lives for %v", plan.Life, life)
	case plan.Refresh <= 0 || plan.Refresh >= plan.Warn || plan.Warn >= plan.Life:
		t.Fatalf("not 0 < refresh %d < warning %d < expiry %d", plan.Refresh, plan.Warn, plan.Life)
	case plan.Lead <= 0 || plan.Lead > life/2:
		t.Fatalf("lead %v of a life of %v", plan.Lead, life)
	case jitter < 0 || jitter > plan.Lead/5:
		t.Fatalf("jitter %v of a lead of %v", jitter, plan.Lead)
	case plan.LastChance < plan.Refresh || plan.LastChance > plan.Life:
		t.Fatalf("last chance %v, refresh %v, expiry %v", plan.LastChance, plan.Refresh, plan.Life)
	}
}

func TestEveryPlanIsInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life := anyLife().Draw(t, "life")
		checkOrder(t, schedule.NewPlan(life, anyPolicy().Draw(t, "policy"), anyRoll().Draw(t, "roll")), life)
	})
}

func FuzzNewPlan(f *testing.F) {
	f.Add(int64(time.Hour), int64(10*time.Second), int64(0), int64(5*time.Minute), 0.5)
	f.Add(int64(time.Second), int64(0), int64(1), int64(0), 0.0)
	f.Add(int64(longest), int64(time.Hour), int64(longest), int64(longest), almostOne)
	f.Fuzz(func(t *testing.T, life, timeout, threshold, warn int64, roll float64) {
		in := life >= int64(time.Second) && life <= int64(longest) && roll >= 0 && roll < 1
		if !in || min(timeout, threshold, warn) < 0 || max(timeout, threshold, warn) > int64(100*longest) {
			return // outside of what may be configured, or of what dice show
		}
		policy := schedule.Policy{Timeout: time.Duration(timeout), RefreshThreshold: time.Duration(threshold), WarnBefore: time.Duration(warn)}
		checkOrder(t, schedule.NewPlan(time.Duration(life), policy, roll), time.Duration(life))
	})
}

func TestMinLeft(t *testing.T) {
	tests := map[string]struct{ asked, life, want time.Duration }{
		"who asks for none gets the service's":         {0, time.Hour, 10 * time.Second},
		"the service's is at most a tenth of the life": {0, time.Minute, 6 * time.Second},
		"a wish is kept":                                {7 * time.Minute, time.Hour, 7 * time.Minute},
		"a wish is at most half the life":               {time.Hour, time.Hour, 30 * time.Minute},
		"a wish may be less than the service's":         {time.Second, time.Hour, time.Second},
		"a wish for a nanosecond is a wish":             {1, time.Hour, 1},
		"a token without expiry leaves nothing to wish": {time.Hour, 0, 0},
		"nor does it leave anything to the service's":   {0, 0, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := schedule.MinLeft(tc.asked, tc.life, standard()); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func TestAFreshTokenIsAlwaysEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life := anyLife().Draw(t, "life")
		left := schedule.MinLeft(anyDuration(longest).Draw(t, "asked"), life, anyPolicy().Draw(t, "policy"))
		if left < 0 || left > life/2 {
			t.Fatalf("a token of %v must have %v left", life, left)
		}
	})
}

func TestAttemptTimeout(t *testing.T) {
	tests := map[string]struct {
		timeout, lead time.Duration
		living        bool
		want          time.Duration
	}{
		"without a living token it is the timeout": {10 * time.Second, 15 * time.Minute, false, 10 * time.Second},
		"a short lead does not shorten it either":  {10 * time.Second, time.Second, false, 10 * time.Second},
		"with one it is a quarter of the lead":     {10 * time.Second, 30 * time.Second, true, 7500 * time.Millisecond},
		"with one it is at least a second":         {10 * time.Second, 500 * time.Millisecond, true, time.Second},
		"with one it is at most the timeout":       {10 * time.Second, 15 * time.Minute, true, 10 * time.Second},
		"a timeout under a second stays under it":  {300 * time.Millisecond, time.Second, true, 300 * time.Millisecond},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := schedule.AttemptTimeout(tc.timeout, tc.lead, tc.living); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func TestTheRollOfAPlanCanBeHadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life, policy := anyLife().Draw(t, "life"), anyPolicy().Draw(t, "policy")
		plan := schedule.NewPlan(life, policy, anyRoll().Draw(t, "roll"))
		roll := schedule.Roll(schedule.NewPlan(life, policy, 0), plan.Refresh)
		if roll < 0 || roll > 1 {
			t.Fatalf("a roll of %v", roll)
		}
		again := schedule.NewPlan(life, policy, roll)
		if moved := (again.Refresh - plan.Refresh).Abs(); moved > 2*time.Nanosecond {
			t.Fatalf("refresh at %v, and made anew at %v", plan.Refresh, again.Refresh)
		}
	})
}
