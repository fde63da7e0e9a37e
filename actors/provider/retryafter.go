package provider

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfterOf returns how long an answer asks to be left alone, at most an hour,
// and whether it does so in a way that can be read (RFC 9110, section 10.2.3).
// now is the local clock, for answers without a Date.
func retryAfterOf(header http.Header, now time.Time) (time.Duration, bool) {
	if date := dateOf(header); !date.IsZero() {
		now = date
	}
	return retryAfter(header.Get("Retry-After"), now)
}

// retryAfter reads either form: a number of seconds, or a date, which is compared
// with the answer's own clock so that skew does no harm.
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}

// dateOf returns the IdP's clock when it answered (RFC 9110, section 6.6.1), zero
// if the answer does not tell.
func dateOf(header http.Header) time.Time {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return date.UTC()
}
