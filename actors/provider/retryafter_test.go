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
	}{
		"seconds":                    {"120", 2 * time.Minute},
		"no seconds":                 {"0", 0},
		"spaces around":              {" 5 ", 5 * time.Second},
		"an hour and more":           {"86400", 24 * time.Hour},
		"more than fits":             {"99999999999999999999999999", maxRetryAfter},
		"a fraction, rounded up":     {"1.5", 2 * time.Second},
		"a fraction of nothing":      {"1.0", time.Second},
		"a fraction below an hour":   {"3599.5", time.Hour},
		"a point and no fraction":    {"7.", 7 * time.Second},
		"a date":                     {"Sun, 01 Mar 2026 12:00:30 GMT", 30 * time.Second},
		"a date in the older format": {"Sunday, 01-Mar-26 12:00:30 GMT", 30 * time.Second},
		"a date in the past":         {"Sun, 01 Mar 2026 11:00:00 GMT", 0},
		"a date far ahead":           {"Sun, 01 Mar 2099 11:00:00 GMT", maxRetryAfter},
		"nothing":                    {"", 0},
		"a negative number":          {"-5", 0},
		"a number with a sign":       {"+5", 0},
		"two points":                 {"1.5.5", 0},
		"a point alone":              {".", 0},
		"nonsense":                   {"soon", 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := retryAfter(c.value, now); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestARetryAfterCountsAlsoIfItCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		header http.Header
		want   bool
	}{
		"none":              {http.Header{}, false},
		"one that is empty": {http.Header{"Retry-After": {""}}, true},
		"nonsense":          {http.Header{"Retry-After": {"soon"}}, true},
	} {
		if wait, told := retryAfterOf(c.header, time.Now()); wait != 0 || told != c.want {
			t.Errorf("%s: got %s, %v", name, wait, told)
		}
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
	for _, seed := range []string{"", "0", "120", "-1", "99999999999999999999", "Sun, 01 Mar 2026 12:00:30 GMT", "٣", "1e9", "1.5", "."} {
		f.Add(seed, int64(1772366400))
	}
	f.Fuzz(func(t *testing.T, value string, now int64) {
		if got := retryAfter(value, time.Unix(now, 0)); got < 0 || got > maxRetryAfter {
			t.Errorf("got %s", got)
		}
	})
}
