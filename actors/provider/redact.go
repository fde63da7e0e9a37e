package provider

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"

	"tokend/messages"
)

// Bounds of redaction. What goes beyond them is not shown at all, so that the
// work is bounded whatever an endpoint answers.
const (
	minSecret      = 4           // shorter texts are not replaced: they withhold the text that holds them
	maxSaid        = 8 << 10     // bytes of a text that is looked at
	maxSecretSize  = 3 * maxSaid // bytes of a secret that such a text can hold in any form
	maxSecrets     = 512         // secrets of one exchange
	maxSecretBytes = 128 << 10   // all of them together
	maxTokens      = 64          // of these, taken from the answer
	maxBlurs       = 64          // secrets that are looked for in other charsets
)

// Why a text is not shown.
const (
	holdsSecret = "withheld: it holds a secret"
	tooLong     = "withheld: it is too long"
	tooMuch     = "withheld: there is too much to hide"
)

// secrets are the texts that must not come out of a provider, in every form an
// endpoint may send them back in.
type secrets struct {
	seen     map[string]bool
	bytes    int
	tokens   int
	overflow bool             // there were more than can be hidden
	known    []string         // forms that are replaced where they stand
	traces   []string         // what is left of them in a text without its encodings
	blurs    []*regexp.Regexp // what finds those that are not ASCII through other charsets
	shorts   []string         // secrets that are too short to be replaced
	words    []string         // the same, where they stand alone
	pieces   []string         // literal words that are replaced where they stand alone
}

// add makes values known, with the ways in which they are commonly encoded.
func (s *secrets) add(values ...string) {
	for _, v := range values {
		if s.learn(v) {
			s.blur(v)
		}
	}
}

// learn makes v known in its own characters. It reports false if it was known, or
// cannot be.
func (s *secrets) learn(v string) bool {
	if !s.fresh(v) {
		return false
	}
	if short := packed(v); len(strings.TrimSpace(v)) < minSecret {
		s.shorts = appendLong(s.shorts, 1, short)
		return true
	}
	s.known = appendLong(s.known, minSecret, forms(v)...)
	s.traces = appendLong(s.traces, minSecret, traces(v)...)
	return true
}

// blur makes known what v may become in another charset.
func (s *secrets) blur(v string) {
	if isASCII(v) {
		return
	}
	s.known = appendLong(s.known, minSecret, inLatin1(v))
	s.traces = appendLong(s.traces, minSecret, packed(inLatin1(v)))
	blur := blurred(v)
	switch {
	case blur == nil:
	case len(s.blurs) == maxBlurs:
		s.overflow = true
	default:
		s.blurs = append(s.blurs, blur)
	}
}

// addLiteral makes values known that stand in a request as they were configured.
// Not all of them are secret, and it cannot be told which: words count only where
// they stand alone, and what every protocol says not at all.
func (s *secrets) addLiteral(values ...string) {
	for _, v := range values {
		if s.learnLiteral(v) {
			s.blur(v)
		}
	}
}

func (s *secrets) learnLiteral(v string) bool {
	switch {
	case slices.Contains(public, v):
		return false
	case isWord(strings.TrimSpace(v)):
		s.learnWord(v)
	case len(strings.TrimSpace(v)) >= minSecret:
		return s.learn(v)
	case s.fresh(v):
		s.words = appendLong(s.words, 1, strings.ToLower(strings.TrimSpace(v)))
	}
	return false
}

// public are words of protocols.
var public = []string{
	"password", "client_credentials", "refresh_token", "authorization_code",
	"json", "application/json", "application/x-www-form-urlencoded", "Basic", "Bearer",
}

// addToken makes a token of an answer known.
func (s *secrets) addToken(value string) {
	if s.overflow || value == "" || s.seen[value] {
		return
	}
	if s.tokens++; s.tokens > maxTokens {
		s.overflow = true
		return
	}
	s.learnLiteral(value) // a member's name may have misled us
}

// fresh reports whether v has to be made known, and counts it.
func (s *secrets) fresh(v string) bool {
	if s.overflow || strings.TrimSpace(v) == "" || len(v) > maxSecretSize || s.seen[v] {
		return false
	}
	s.bytes += len(v)
	if len(s.seen) >= maxSecrets || s.bytes > maxSecretBytes {
		s.overflow = true
		return false
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[v] = true
	return true
}

// appendLong appends the values of at least the given length, each once.
func appendLong(list []string, least int, values ...string) []string {
	start := len(list)
	for _, v := range values {
		if len(v) >= least && !slices.Contains(list[start:], v) {
			list = append(list, v)
		}
	}
	return list
}

// jwtLike is what signed tokens look like. Those that no provider knows are kept
// back too.
var jwtLike = regexp.MustCompile(`eyJ[\w-]{5,}\.[\w-]+(\.[\w-]*)*`)

// show returns a description as it may leave the provider: without secrets,
// printable, at most limit characters; else why it may not.
func (s *secrets) show(text string, limit int) string {
	clean, why := s.clean(text)
	if why != "" {
		return "description " + why
	}
	return printable(clean, limit)
}

// showCode is show for a text that stands for itself, such as an error code.
func (s *secrets) showCode(text string) string {
	clean, why := s.clean(text)
	if why != "" {
		return messages.Redacted
	}
	return printable(clean, maxCode)
}

// clean returns text, printable, with every secret that stands in it as it is or
// in a common form replaced, or why there is nothing to return. Secrets are looked
// for again after cleaning, because cleaning may join what the text had apart, and
// the caller cuts afterwards, because half a secret matches nothing.
func (s *secrets) clean(text string) (clean, why string) {
	switch {
	case s.overflow && text != "":
		return "", tooMuch
	case len(text) > maxSaid:
		return "", tooLong
	}
	text = s.redact(printable(s.redact(text), math.MaxInt))
	text = jwtLike.ReplaceAllLiteralString(text, messages.Redacted)
	if s.betrayed(text) {
		return "", holdsSecret
	}
	return text, ""
}

// betrayed reports whether a secret can be read in text when its encodings are
// taken off, one or two of them, and spaces and the difference of cases with them.
func (s *secrets) betrayed(text string) bool {
	for range layers {
		if jwtLike.MatchString(text) || s.traced(text) {
			return true
		}
		text = decoded(text)
	}
	return false
}

func (s *secrets) traced(text string) bool {
	bare, lower := packed(text), strings.ToLower(text)
	within := func(secret string) bool { return strings.Contains(bare, secret) }
	alone := func(word string) bool { return standsAlone(lower, word) }
	apart := func(word string) bool { return len(wordsIn(lower, word)) > 0 }
	blurred := func(secret *regexp.Regexp) bool { return secret.MatchString(bare) }
	return slices.ContainsFunc(s.blurs, blurred) || slices.ContainsFunc(s.shorts, within) || slices.ContainsFunc(s.traces, within) || slices.ContainsFunc(s.words, alone) || slices.ContainsFunc(s.pieces, apart)
}

type span struct{ from, to int }

// redact replaces every occurrence of every known form. Occurrences that
// overlap or touch become one, so that no tail of the one survives the other.
func (s *secrets) redact(text string) string {
	var out strings.Builder
	end, hidden := 0, false
	for _, hit := range s.find(text) {
		if hit.from > end || !hidden {
			out.WriteString(text[end:hit.from])
			out.WriteString(messages.Redacted)
		}
		end, hidden = max(end, hit.to), true
	}
	out.WriteString(text[end:])
	return out.String()
}

// find returns where text holds secrets, by place.
func (s *secrets) find(text string) []span {
	var hits []span
	for _, secret := range s.known {
		for from := 0; ; {
			i := strings.Index(text[from:], secret)
			if i < 0 {
				break
			}
			hits = append(hits, span{from + i, from + i + len(secret)})
			from += i + len(secret)
		}
	}
	if lower := strings.ToLower(text); len(lower) == len(text) { // else places differ
		for _, word := range s.pieces {
			hits = append(hits, wordsIn(lower, word)...)
		}
	}
	slices.SortFunc(hits, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return hits
}
