package provider

import (
	"strings"
	"unicode"
)

// printable returns the first limit characters of text, with everything that
// does not print, and every run of spaces, as one space.
func printable(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	n := 0
	for i := range text {
		if n == limit {
			return text[:i]
		}
		n++
	}
	return text
}

// oauthCode returns text if it looks like an OAuth error code, else nothing. The
// characters are those of RFC 6749, section 5.2, without the space: endpoints
// that are not OAuth's say "Bad Request" in a field of the same name.
func oauthCode(text string) string {
	if text == "" || len(text) > maxCode {
		return ""
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return ""
	}
	return text
}
