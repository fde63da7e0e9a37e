package provider

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		value string
		want  time.Duration
		told  bool
	}{
		"seconds":                    {"120", 2 * time.Minute, true},
		"no seconds":                 {"0", 0, true},
		"spaces around":              {" 5 ", 5 * time.Second, true},
		"an hour and more":           {"86400", time.Hour, true},
		"more than fits":             {"99999999999999999999999999", time.Hour, true},
		"a date":                     {"Sun, 01 Mar 2026 12:00:30 GMT", 30 * time.Second, true},
		"a date in the older format": {"Sunday, 01-Mar-26 12:00:30 GMT", 30 * time.Second, true},
		"a date in the past":         {"Sun, 01 Mar 2026 11:00:00 GMT", 0, true},
		"a date far ahead":           {"Sun, 01 Mar 2099 11:00:00 GMT", time.Hour, true},
		"nothing":                    {"", 0, false},
		"a negative number":          {"-5", 0, false},
		"a fraction":                 {"1.5", 0, false},
		"nonsense":                   {"soon", 0, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, told := retryAfter(c.value, now)
			if got != c.want || told != c.told {
				t.Errorf("got %s, %v; want %s, %v", got, told, c.want, c.told)
			}
		})
	}
}

func TestRetryAfterIsJudgedByTheClockThatWroteIt(t *testing.T) {
	header := http.Header{"Retry-After": {"Sun, 01 Mar 2026 12:00:30 GMT"}, "Date": {"Sun, 01 Mar 2026 12:00:00 GMT"}}
	got, told := retryAfterOf(header, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	if got != 30*time.Second || !told {
		t.Errorf("got %s, %v", got, told)
	}
}

func TestADateThatCannotBeReadIsNone(t *testing.T) {
	if got := dateOf(http.Header{"Date": {"yesterday"}}); !got.IsZero() {
		t.Errorf("got %s", got)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "-1", "99999999999999999999", "Sun, 01 Mar 2026 12:00:30 GMT", "٣", "1e9"} {
		f.Add(seed, int64(1772366400))
	}
	f.Fuzz(func(t *testing.T, value string, now int64) {
		got, told := retryAfter(value, time.Unix(now, 0))
		if got < 0 || got > maxRetryAfter || !told && got != 0 {
			t.Errorf("got %s, %v", got, told)
		}
	})
}
