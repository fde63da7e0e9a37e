package provider

import (
	"slices"
	"strings"
	"unicode"
)

// meaning is what the words of an error say about trying again.
type meaning int

const (
	unsaid   meaning = iota // there is no error
	wordless                // a bare number, which has no words, or an error without any
	refusing                // it is refused: so are all words that say nothing else
	passing                 // trouble of the server that passes
	slowing                 // the server is asked too much
)

// What codes say, in small letters and without what stands between their words.
var (
	slowWords = []string{"toomany", "throttl", "quota", "slowdown"}
	passWords = []string{
		"internal", "servererror", "fatal", "unavailable", "temporar", "timeout", "timedout",
		"busy", "overload", "maintenance", "tryagain", "authorizationpending",
	}
	// denyWords in a sentence are what it is about: "wrong password, try again" is no
	// trouble of the server.
	denyWords = []string{
		"invalid", "incorrect", "wrong", "denied", "password", "credential", "unauthori", "forbidden",
		"locked", "disabled", "expired", "mismatch", "notmatch", "attempt", "notfound", "notallowed",
	}
)

// meaningOf returns what a code or a sentence means.
func meaningOf(text string) meaning {
	words := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
	within := func(word string) bool { return strings.Contains(words, word) }
	switch {
	case !strings.ContainsFunc(words, unicode.IsLetter):
		return ofDigits(words)
	case isSentence(text) && slices.ContainsFunc(denyWords, within):
		return refusing
	case slices.ContainsFunc(slowWords, within), within("rate") && within("limit"):
		return slowing
	case slices.ContainsFunc(passWords, within):
		return passing
	default:
		return refusing
	}
}

func ofDigits(digits string) meaning {
	if digits == "" {
		return unsaid
	}
	return wordless
}

// isSentence reports whether text is more than a code.
func isSentence(text string) bool { return len(strings.Fields(text)) > 1 }

// isFine reports whether the text of an error field says that there is no error.
func isFine(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "", "false", "null", "none", "ok", "success", "succeeded", "successful", "200":
		return true
	default:
		return strings.Trim(text, "0") == ""
	}
}
