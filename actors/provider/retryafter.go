package provider

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfterOf returns how long an answer asks to be left alone (RFC 9110, section
// 10.2.3), at most a year, and whether it asks at all: zero and true if it does
// so in a way that cannot be read. now is the local clock, for answers without a
// Date.
func retryAfterOf(header http.Header, now time.Time) (wait time.Duration, told bool) {
	if date := dateOf(header); !date.IsZero() {
		now = date
	}
	return retryAfter(header.Get("Retry-After"), now), len(header.Values("Retry-After")) > 0
}

// retryAfter reads either form: a number of seconds, which some servers give with
// a fraction, or a date, which is compared with the answer's own clock so that
// skew does no harm.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	whole, fraction, _ := strings.Cut(value, ".")
	if whole != "" && strings.Trim(whole+fraction, "0123456789") == "" {
		seconds, err := strconv.ParseInt(whole, 10, 64)
		if err != nil || seconds >= int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		if strings.Trim(fraction, "0") != "" {
			seconds++
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

// dateOf returns the IdP's clock when it answered (RFC 9110, section 6.6.1), zero
// if the answer does not tell.
func dateOf(header http.Header) time.Time {
	text := header.Get("Date")
	if date, err := http.ParseTime(text); err == nil {
		return date.UTC()
	}
	date, _ := ofText(text)
	return date
}
