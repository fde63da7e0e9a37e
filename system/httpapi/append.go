package httpapi

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// object appends a JSON object's fields without reflection: a token is read far
// more often than anything else, and its bytes should be copied once.
type object struct{ b []byte }

// name begins a field. Names are constants that need no escaping.
func (o *object) name(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) text(name, value string) {
	if value != "" {
		o.name(name)
		o.b = appendString(o.b, value)
	}
}

// texts appends an array, nothing if it is empty.
func (o *object) texts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	o.name(name)
	for i, value := range values {
		o.b = appendString(append(o.b, "[,"[min(i, 1)]), value)
	}
	o.b = append(o.b, ']')
}

func (o *object) integer(name string, value int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, value, 10)
}

func (o *object) unsigned(name string, value uint64) {
	o.name(name)
	o.b = strconv.AppendUint(o.b, value, 10)
}

func (o *object) time(name string, t time.Time) {
	if !t.IsZero() {
		o.name(name)
		o.b = append(o.b, '"')
		o.b = t.UTC().AppendFormat(o.b, time.RFC3339Nano)
		o.b = append(o.b, '"')
	}
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Bytes that are not UTF-8 become the
// replacement character, as with encoding/json.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for {
		n := plainRun(s)
		b = append(b, s[:n]...)
		if s = s[n:]; s == "" {
			return append(b, '"')
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r < utf8.RuneSelf:
			b = appendEscape(b, s[0])
		case r == utf8.RuneError && size == 1:
			b = append(b, `\ufffd`...)
		default:
			b = append(b, s[:size]...)
		}
		s = s[size:]
	}
}

// plainRun returns how many bytes at the start of s stand for themselves. Tokens
// are long and hold nothing else, so it looks at eight at a time. Subtracting from
// all of them at once borrows into the high bit of a byte that was too small.
func plainRun[T string | []byte](s T) int {
	n := 0
	for rest := s; len(rest) >= 8; rest = rest[8:] {
		w := uint64(rest[0]) | uint64(rest[1])<<8 | uint64(rest[2])<<16 | uint64(rest[3])<<24 |
			uint64(rest[4])<<32 | uint64(rest[5])<<40 | uint64(rest[6])<<48 | uint64(rest[7])<<56
		quote, backslash := w^(ones*'"'), w^(ones*'\\')
		if (w|(w-ones*' ')&^w|(quote-ones)&^quote|(backslash-ones)&^backslash)&highs != 0 {
			break
		}
		n += 8
	}
	for n < len(s) && plain[s[n]] {
		n++
	}
	return n
}

const (
	ones  = 0x0101010101010101
	highs = ones << 7
)

// plain holds the bytes that stand for themselves.
var plain = func() (table [256]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	default:
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
}
