package provider

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// Numbers below these are seconds, milliseconds, microseconds and nanoseconds since
// 1970. Seconds end with the year 9999, which some servers write for "never"; as
// milliseconds they end in 1978. The others are about as far apart.
const (
	firstMillis = maxEpoch + 1
	firstMicros = 1e14
	firstNanos  = 1e17
	// maxEpoch is the last second of the year 9999 (RFC 3339, section 1).
	maxEpoch = 253402300799
)

// instant returns an absolute time, zero if absent: a text in one of the forms that
// name their zone, or a number since 1970, in a unit that its size tells.
func instant(v gjson.Result) (time.Time, error) {
	if absent(v) {
		return time.Time{}, nil
	}
	if n, ok := number(v); ok {
		return ofNumber(n)
	}
	if v.Type != gjson.String {
		return time.Time{}, errNoTime
	}
	return ofText(v.Str)
}

// ofNumber reads a number since 1970.
func ofNumber(n float64) (time.Time, error) {
	switch {
	case n <= 0: // what some servers write for "never" and others for "unset"
		return time.Time{}, errNotPositive
	case isDate(n):
		return time.Time{}, fmt.Errorf("%s is a date in digits, whose zone is unknown: must be RFC 3339 or a number since 1970", digits(n))
	case n <= longestLife.Seconds():
		return time.Time{}, fmt.Errorf("%s is a lifetime: use expires_in", digits(n))
	case n >= firstNanos:
		n /= 1e9
	case n >= firstMicros:
		n /= 1e6
	case n >= firstMillis:
		n /= 1e3
	}
	if n > maxEpoch {
		return time.Time{}, errNoTime
	}
	return epoch(n), nil
}

func epoch(seconds float64) time.Time {
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)).UTC()
}

// digits returns a number as it is shown.
func digits(n float64) string {
	if n >= 1e20 {
		return strconv.FormatFloat(n, 'g', 3, 64)
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// isDate reports whether a number is a date, or a date and a time of day, that is
// written in digits: a number of seconds since 1970 has as many in no year that
// counts.
func isDate(n float64) bool {
	const layout = "20060102150405"
	text := digits(n)
	if len(text) == len("20060102150405000") {
		text = text[:len(layout)]
	}
	switch len(text) {
	case len("20060102"), len("200601021504"), len(layout):
		at, err := time.Parse(layout[:len(text)], text)
		return err == nil && at.Year() >= 1970 && at.Year() < 2200
	default:
		return false
	}
}

// zoned are the forms of a time that name its zone. Each takes a fraction, too.
var zoned = []string{
	"2006-01-02T15:04:05Z07:00", // RFC 3339
	"2006-01-02T15:04:05Z0700",  // ISO 8601, as many programs write it
	"2006-01-02T15:04:05Z07",
	"20060102T150405Z0700",
}

// ofText reads a time of a text.
func ofText(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if at, ok := httpDate(text); ok {
		return at, nil
	}
	form := strings.ToUpper(text)
	for _, suffix := range []string{" UTC", " GMT", " Z"} {
		if rest, ok := strings.CutSuffix(form, suffix); ok {
			form = strings.TrimSpace(rest) + "Z"
		}
	}
	if len(form) > 10 && form[10] == ' ' { // RFC 3339, section 5.6
		form = form[:10] + "T" + strings.ReplaceAll(form[11:], " ", "")
	}
	for _, layout := range zoned {
		if at, err := time.Parse(layout, form); err == nil {
			return nominal(at)
		}
	}
	if _, err := time.Parse("2006-01-02T15:04:05", form); err == nil {
		return time.Time{}, errNoZone
	}
	return time.Time{}, errNoTime
}

// nominal returns at, if it is a date: the year 1 stands for "never" or "unset".
func nominal(at time.Time) (time.Time, error) {
	switch {
	case at.Year() == 1:
		return time.Time{}, errNotPositive
	case at.Year() < 1:
		return time.Time{}, errNoTime
	default:
		return at.UTC(), nil
	}
}

// httpDate reads a time as headers and mails write it (RFC 9110, section 5.6.7;
// RFC 5322, section 3.3). A time without a zone, or with a zone of an unknown
// name, is not read.
func httpDate(text string) (time.Time, bool) {
	for _, layout := range []string{
		"Mon, _2 Jan 2006 15:04:05 GMT", "Mon, _2 Jan 2006 15:04:05 UTC", "Mon, _2-Jan-2006 15:04:05 GMT",
		"Monday, 02-Jan-06 15:04:05 GMT", "Mon, _2 Jan 2006 15:04:05 -0700",
	} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}
