package schedule_test

import (
	"testing"
	"time"

	"tokend/actors/schedule"
)

func TestWhenATokenThatIsNotValidYetIsAdopted(t *testing.T) {
	never := time.Duration(-1)
	for name, tc := range map[string]struct{ from, refresh, want time.Duration }{
		"in seconds":                    {3 * time.Second, 45 * time.Minute, 3 * time.Second},
		"in four minutes":               {4 * time.Minute, 45 * time.Minute, 4 * time.Minute},
		"in exactly five":               {5 * time.Minute, 45 * time.Minute, 5 * time.Minute},
		"in an hour":                    {time.Hour, 45 * time.Minute, 5 * time.Minute},
		"a short one, valid at its end": {time.Minute, 40 * time.Second, 40 * time.Second},
		"without expiry":                {time.Minute, never, time.Minute},
	} {
		refresh := schedule.Instant{}
		if tc.refresh != never {
			refresh = moment(tc.refresh, 0)
		}
		if got := schedule.Adopt(moment(0, 0), moment(tc.from, 0), refresh); got != moment(tc.want, 0) {
			t.Errorf("%s: after %v, want %v", name, got.Until(moment(0, 0)), tc.want)
		}
	}
}
