package provider

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// cookie adds when a cookie ends. Both of its attributes count, the earlier one
// first: not every program that keeps cookies gives way to Max-Age.
func (e *ends) cookie(c *http.Cookie) {
	if text, ok := attribute(c, "max-age"); ok && strings.ContainsAny(text, "0123456789") {
		v := textValue(text)
		one := countOf(SourceCookie, "the cookie's Max-Age", v, time.Second)
		if n, ok := number(v); ok && n != math.Trunc(n) {
			one.err = errors.New("is not a whole number")
		}
		*e = append(*e, one)
	}
	if text, ok := attribute(c, "expires"); ok {
		if at, err := cookieExpires(text); err != nil || !at.IsZero() {
			*e = append(*e, end{source: SourceCookie, name: "the cookie's Expires", at: at, err: err})
		}
	}
}

// attribute returns the value of a cookie's attribute, of the last one of that name
// (RFC 6265, section 5.2 and 5.3).
func attribute(c *http.Cookie, name string) (value string, found bool) {
	parts := strings.Split(c.Raw, ";")
	for _, part := range parts[1:] {
		key, text, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			value, found = strings.Trim(strings.TrimSpace(text), `"`), true
		}
	}
	return value, found
}

// cookieExpires reads Expires, zero if it says nothing, as Session, 0 and -1 do: a
// browser that cannot read it keeps the cookie while it runs.
func cookieExpires(text string) (time.Time, error) {
	if at, ok := cookieDate(text); ok {
		return at, nil
	}
	if n, err := strconv.ParseFloat(text, 64); !strings.ContainsAny(text, "0123456789") || err == nil && n <= 0 {
		return time.Time{}, nil
	}
	return instant(textValue(text))
}

// cookieDate reads a date as RFC 6265, section 5.1.1, has it: its parts in any
// order, each known by its form, whatever stands between them.
func cookieDate(text string) (time.Time, bool) {
	d := dateParts{day: -1, year: -1}
	for word := range strings.FieldsFuncSeq(text, isDateDelimiter) {
		d.take(word)
	}
	return d.time()
}

func isDateDelimiter(r rune) bool {
	return r == '\t' || r >= ' ' && r <= '/' || r >= ';' && r <= '@' || r >= '[' && r <= '`' || r >= '{' && r <= '~'
}

// dateParts are the parts of a date that were found so far.
type dateParts struct {
	timed bool   // there is a clock
	clock [3]int // hour, minute, second
	day   int    // -1: none
	month int    // 0: none
	year  int    // -1: none
}

// take keeps the first word that can be each of the parts.
func (d *dateParts) take(word string) {
	if clock, ok := clockOf(word); ok && !d.timed {
		d.clock, d.timed = clock, true
		return
	}
	n, count := leadingNumber(word)
	switch month := monthOf(word); {
	case d.day < 0 && (count == 1 || count == 2):
		d.day = n
	case d.month == 0 && month != 0:
		d.month = month
	case d.year < 0 && count >= 2 && count <= 4:
		d.year = n
	}
}

// time returns the date that the parts make up.
func (d *dateParts) time() (time.Time, bool) {
	year := d.year
	switch {
	case year >= 70 && year <= 99:
		year += 1900
	case year >= 0 && year < 70:
		year += 2000
	}
	if !d.timed || year < 1601 || d.clock[0] > 23 || d.clock[1] > 59 || d.clock[2] > 59 {
		return time.Time{}, false
	}
	at := time.Date(year, time.Month(d.month), d.day, d.clock[0], d.clock[1], d.clock[2], 0, time.UTC)
	return at, at.Day() == d.day && at.Month() == time.Month(d.month) // not one such as 30 February, and not one without its parts
}

// clockOf reads a time of day, such as 9:05:30, and whatever stands behind it.
func clockOf(word string) (clock [3]int, ok bool) {
	parts := strings.SplitN(word, ":", 3)
	if len(parts) != 3 {
		return clock, false
	}
	for i, part := range parts {
		n, count := leadingNumber(part)
		if count < 1 || count > 2 || i < 2 && count != len(part) {
			return clock, false
		}
		clock[i] = n
	}
	return clock, true
}

// leadingNumber returns the number that a word begins with, and how many digits it
// has.
func leadingNumber(word string) (n, count int) {
	for count < len(word) && word[count] >= '0' && word[count] <= '9' {
		count++
	}
	n, _ = strconv.Atoi(word[:count])
	return n, count
}

func monthOf(word string) int {
	if len(word) < 3 {
		return 0
	}
	const names = "janfebmaraprmayjunjulaugsepoctnovdec"
	at := strings.Index(names, strings.ToLower(word[:3]))
	if at < 0 || at%3 != 0 {
		return 0
	}
	return at/3 + 1
}
