package provider

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"html"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"tokend/messages"
)

// minSecret is the shortest text that is replaced: shorter ones occur by chance
// everywhere, and replacing them would leave texts nobody can read.
const minSecret = 4

// secrets are the texts that must not come out of a provider, in every form an
// endpoint may send them back in.
type secrets struct{ known []string }

// add makes values known, with the ways in which they are commonly encoded.
func (s *secrets) add(values ...string) {
	for _, v := range values {
		for _, form := range forms(v) {
			if len(v) >= minSecret && len(form) >= minSecret && !slices.Contains(s.known, form) {
				s.known = append(s.known, form)
			}
		}
	}
}

// escapes are the ways of JSON encoders with a text: none escapes less than the
// first, PHP's escapes slashes as the second.
var escapes = []*strings.Replacer{
	strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`),
	strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, `/`, `\/`),
}

// forms returns the ways in which v is commonly written, and what each becomes
// when an endpoint takes it for a part of a form and decodes it.
func forms(v string) []string {
	quoted, _ := json.Marshal(v) // a string cannot fail
	list := []string{
		v, strings.TrimSpace(v), url.QueryEscape(v), url.PathEscape(v), html.EscapeString(v),
		base64.StdEncoding.EncodeToString([]byte(v)), string(quoted[1 : len(quoted)-1]),
	}
	for _, escape := range escapes {
		list = append(list, escape.Replace(v))
	}
	for _, form := range list {
		if decoded, err := url.QueryUnescape(form); err == nil && decoded != form {
			list = append(list, decoded)
		}
	}
	return list
}

// jwt is what signed tokens look like. Those that no provider knows are kept
// back too.
var jwt = regexp.MustCompile(`eyJ[\w-]{5,}\.[\w-]+(\.[\w-]*)*`)

// show returns text as it may leave the provider: without secrets, printable, at
// most limit characters. Secrets are looked for again after cleaning, because
// cleaning may join what the text had apart, and before cutting, because half a
// secret matches nothing.
func (s *secrets) show(text string, limit int) string {
	text = s.redact(printable(s.redact(text), math.MaxInt))
	return printable(jwt.ReplaceAllLiteralString(text, messages.Redacted), limit)
}

type span struct{ from, to int }

// redact replaces every occurrence of every known secret. Occurrences that
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
	slices.SortFunc(hits, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return hits
}

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
