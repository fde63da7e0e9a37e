package provider

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// isWord reports whether v is like a word that longer ones may hold, such as "test" in
// "latest": to cut it out of them would tell what is hidden, and hide nothing.
func isWord(v string) bool {
	const letters, any = 10, 6 // characters at most
	if len(v) < minSecret || len(v) > letters || !isASCII(v) {
		return false
	}
	plain := func(r rune) bool { return unicode.IsLetter(r) || len(v) <= any && unicode.IsDigit(r) }
	return !strings.ContainsFunc(v, func(r rune) bool { return !plain(r) })
}

// learnWord makes a word known, and what it is encoded as.
func (s *secrets) learnWord(v string) {
	if !s.fresh(v) {
		return
	}
	bare := packed(v)
	s.pieces = appendLong(s.pieces, minSecret, strings.ToLower(strings.TrimSpace(v)))
	for _, trace := range traces(v) {
		if trace != bare {
			s.traces = appendLong(s.traces, minSecret, trace)
		}
	}
	for _, form := range forms(v) {
		if packed(form) != bare {
			s.known = appendLong(s.known, minSecret, form)
		}
	}
}

// standsAlone reports whether word is somewhere in text without a letter or digit
// beside it.
func standsAlone(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(word)
		before, _ := utf8.DecodeLastRuneInString(text[:begin])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if !alphanumeric(before) && !alphanumeric(after) {
			return true
		}
		from = end
	}
}

// wordsIn returns where in text a word stands that is no part of a longer one, such as
// the name of a member or a code.
func wordsIn(text, word string) (hits []span) {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return hits
		}
		begin, end := from+i, from+i+len(word)
		before, _ := utf8.DecodeLastRuneInString(text[:begin])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if !inName(before) && !inName(after) {
			hits = append(hits, span{begin, end})
		}
		from = end
	}
}

func inName(r rune) bool { return alphanumeric(r) || r == '_' }

func alphanumeric(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
