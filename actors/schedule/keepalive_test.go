package schedule_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"tokend/actors/schedule"
)

func TestKeepAlive(t *testing.T) {
	last := schedule.At(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Hour)
	tests := map[string]struct {
		every time.Duration
		roll  float64
		want  schedule.Instant
	}{
		"switched off":                {0, 0.5, schedule.Instant{}},
		"negative, which is off, too": {-time.Hour, 0.5, schedule.Instant{}},
		"without jitter":              {24 * time.Hour, 0, last.Add(24 * time.Hour)},
		"half of the jitter":          {20 * time.Hour, 0.5, last.Add(19 * time.Hour)},
		"a nanosecond":                {1, 0.999, last.Add(1)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := schedule.KeepAlive(last, tt.every, tt.roll); got != tt.want {
				t.Errorf("after %v, want %v", got.Until(last), tt.want.Until(last))
			}
		})
	}
}

func TestKeepAliveIsNeverLateAndALittleEarlyAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		last := schedule.At(time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "wall"), 0), time.Duration(rapid.Int64Range(0, 1e18).Draw(t, "mono")))
		every := time.Duration(rapid.Int64Range(1, int64(10*365*24*time.Hour)).Draw(t, "every"))
		roll := rapid.Float64Range(0, 1).Filter(func(r float64) bool { return r < 1 }).Draw(t, "roll")
		after := schedule.KeepAlive(last, every, roll).Until(last)
		if after > every || after < every-every/10 {
			t.Errorf("after %v of %v", after, every)
		}
	})
}
