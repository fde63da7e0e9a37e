package schedule_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"tokend/actors/schedule"
)

// repeating is a token of an hour that is refreshed after 45 min and dies one second
// before its stated end.
func repeating(asked int) schedule.Reissue {
	return schedule.Reissue{
		Refresh: moment(45*time.Minute, 0), Expiry: moment(time.Hour-time.Second, 0), End: moment(time.Hour, 0), Asked: asked,
	}
}

func TestWhenTheSameTokenIsAskedForAgain(t *testing.T) {
	const half = (15*time.Minute - time.Second) / 2
	known := repeating(1)
	known.AtExpiry = true
	tests := map[string]struct {
		reissue schedule.Reissue
		now     time.Duration
		want    time.Duration // 0: never
	}{
		"before the refresh point that is the time":  {repeating(2), 10 * time.Minute, 45 * time.Minute},
		"a nanosecond before it":                     {repeating(2), 45*time.Minute - 1, 45 * time.Minute},
		"at the refresh point: half of what is left": {repeating(2), 45 * time.Minute, 45*time.Minute + half},
		"then half of the rest":                      {repeating(3), 45*time.Minute + half, 45*time.Minute + half + half/2},
		"the fifth request was the last":             {repeating(5), 50 * time.Minute, time.Hour},
		"so was one too many":                        {repeating(9), time.Minute, time.Hour},
		"half a second before expiry":                {repeating(2), time.Hour - 1500*time.Millisecond, time.Hour - 1250*time.Millisecond},
		"less than that is not worth a request":      {repeating(2), time.Hour - 1500*time.Millisecond + 2, time.Hour},
		"known in advance: only at the end":          {known, time.Minute, time.Hour},
		"at expiry: the end as it was stated":        {repeating(2), time.Hour - time.Second, time.Hour},
		"a nanosecond before that end":               {repeating(5), time.Hour - 1, time.Hour},
		"at that end":                                {repeating(5), time.Hour, time.Hour + 200*time.Millisecond},
		"after the second try":                       {repeating(5), time.Hour + 210*time.Millisecond, time.Hour + 500*time.Millisecond},
		"one that took long skips what it has missed": {
			known, time.Hour + 600*time.Millisecond, time.Hour + time.Second,
		},
		"after the last of them": {repeating(5), time.Hour + time.Second, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, want := tc.reissue.Next(moment(tc.now, 0)), schedule.Instant{}
			if tc.want > 0 {
				want = moment(tc.want, 0)
			}
			if got != want {
				t.Errorf("%v, want %v", got.Time(), want.Time())
			}
		})
	}
}

func TestTurningIsFromExpiryToTwoSecondsAfterTheStatedEnd(t *testing.T) {
	for now, want := range map[time.Duration]bool{
		time.Hour - time.Second - 1:   false,
		time.Hour - time.Second:       true,
		time.Hour + 2*time.Second - 1: true,
		time.Hour + 2*time.Second:     false,
	} {
		if got := repeating(1).Turning(moment(now, 0)); got != want {
			t.Errorf("at %v: %v", now, got)
		}
	}
}

func TestTheSameTokenIsAskedForSparingly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life := anyLife().Draw(t, "life")
		plan := schedule.NewPlan(life, anyPolicy().Draw(t, "policy"), anyRoll().Draw(t, "roll"))
		d := plan.Deadlines(moment(0, 0))
		r := schedule.Reissue{Refresh: d.Refresh, Expiry: d.Expiry, End: d.Expiry.Add(min(time.Second, life/2)), Asked: 1}
		took := anyDuration(2 * time.Second)
		now, before, after := d.Refresh, 1, 0
		for !now.IsZero() {
			if !d.Expiry.Reached(now) {
				before++
			} else if after++; r.End.Until(now) > 0 {
				t.Fatalf("asked %v before the stated end", r.End.Until(now))
			}
			r.Asked++
			next := r.Next(now.Add(took.Draw(t, "took")))
			if !next.IsZero() && next.Until(now) <= 0 {
				t.Fatal("the next request comes before the last one")
			}
			now = next
		}
		if before > 5 || after > 4 {
			t.Fatalf("%d requests before the end and %d at it", before, after)
		}
	})
}
