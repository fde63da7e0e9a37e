package config

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

var (
	// syntaxError matches messages that quote nothing but punctuation.
	syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?((?:[^'"\x60]|'\W')*)$`)
	// countsFromZero matches the messages that come with a line counted from 0,
	// that of the innermost value around the mistake; others count from 1.
	countsFromZero = regexp.MustCompile(`^did not find expected ('.' indicator|',' or '.'|<document start>|key|node content)$`)
)

// addSyntax reports what the YAML parser says. What it quotes may be part of a
// secret, such as a password that starts with *.
func (r *yamlReader) addSyntax(err error, text []byte) {
	m := syntaxError.FindStringSubmatch(err.Error())
	if m == nil {
		r.add(r.whole(), "invalid; a text that starts with *, & or ! needs quotes")
		return
	}
	message := m[2]
	n, _ := strconv.Atoi(m[1]) // the first line goes without number
	switch {
	case countsFromZero.MatchString(message):
		r.add(r.line(n+1), "%s", message)
	case r.addTab(message, max(n, 1), text):
	case n == 0:
		r.add(r.whole(), "%s", message)
	default:
		r.add(r.line(n), "%s", message)
	}
}

// strangeStart is what the parser says about a tab in some places, and about other
// characters.
const strangeStart = "found character that cannot start any token"

// addTab reports whether message is about a tab that indents line n, or about one
// that indents a line after it, where n is that of the value before; then that is
// what is added.
func (r *yamlReader) addTab(message string, n int, text []byte) bool {
	tab := indentedByTab(text, n)
	about := strings.HasPrefix(message, "found a tab character") || message == strangeStart && tab == n
	if !about || tab == 0 {
		return false
	}
	r.add(r.line(tab), "a tab is not allowed for indentation: use spaces")
	return true
}

// indentedByTab returns the first line from number n on that begins with a tab,
// behind spaces or not; 0 if none does.
func indentedByTab(text []byte, n int) int {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if number >= n && bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte("\t")) {
			return number
		}
	}
	return 0
}
