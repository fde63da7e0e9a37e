package provider

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// escapes are the ways of JSON encoders with a text: none escapes less than the
// first, PHP's escapes slashes as the second.
var escapes = []*strings.Replacer{
	strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`),
	strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, `/`, `\/`),
}

// forms returns the ways in which v is commonly written, and what each becomes
// when an endpoint takes it for a part of a form and decodes it.
func forms(v string) []string {
	list := []string{
		v, strings.TrimSpace(v), url.QueryEscape(v), url.PathEscape(v), html.EscapeString(v),
		base64.StdEncoding.EncodeToString([]byte(v)), asJSONText(v),
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

func asJSONText(v string) string {
	quoted, _ := json.Marshal(v) // a string cannot fail
	return string(quoted[1 : len(quoted)-1])
}

// layers is as what a text is looked at: as it is, and without one and two
// encodings.
const layers = 3

// traces returns what is found in a [packed] text that holds v in any encoding,
// or holds something in base64 or hex of which v is a part, such as credentials
// or a whole form. As texts lose what looks like an encoding, v does too.
func traces(v string) []string {
	var list []string
	for layer, text := 0, v; layer < layers; layer++ {
		list = append(list, packed(text))
		text = decoded(text)
	}
	for _, text := range appendLong(nil, minSecret, v, url.QueryEscape(v), asJSONText(v)) {
		list = append(list, hex.EncodeToString([]byte(text)))
		for shift := range 3 {
			inner := inBase64(text, shift)
			list = append(list, inner, strings.NewReplacer("+", "-", "/", "_").Replace(inner))
		}
	}
	return list
}

// inBase64 returns what the base64 of a text shows of v, in lower case, when v
// begins shift bytes after a multiple of three: the characters that v determines
// alone.
func inBase64(v string, shift int) string {
	encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat(" ", shift) + v))
	begin := (shift*8 + 5) / 6
	end := (shift + len(v)) * 8 / 6
	return strings.ToLower(encoded[begin:end])
}

// packed returns text in lower case, without spaces and what takes no place.
func packed(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) || unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, strings.ToLower(text))
}

// decoded returns text without one layer of the escapes of HTML, JSON and URLs.
// What is none stays.
func decoded(text string) string {
	return unescapeURL(unescapeJSON(html.UnescapeString(text)))
}

func unescapeURL(text string) string {
	if !strings.ContainsAny(text, "%+") {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '+' {
			c = ' '
		} else if n, ok := hexAt(text, i+1, 2); c == '%' && ok {
			c = byte(n)
			i += 2
		}
		out = append(out, c)
	}
	return string(out)
}

func unescapeJSON(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		r, size := escapeAt(text, i+1)
		out.WriteRune(r)
		i += size
	}
	return out.String()
}

// escapeAt returns what a backslash before text[i:] makes of it, and how many
// bytes that takes.
func escapeAt(text string, i int) (r rune, size int) {
	switch text[i] {
	case 'n', 'r', 't', 'b', 'f':
		return ' ', 1
	case 'x':
		if n, ok := hexAt(text, i+1, 2); ok {
			return n, 3
		}
	case 'u':
		if n, ok := hexAt(text, i+1, 4); ok {
			return pairAt(text, i+5, n)
		}
	}
	return utf8.DecodeRuneInString(text[i:])
}

// pairAt returns the character that begins with the UTF-16 unit high; text[i:]
// may hold the escape of the other half.
func pairAt(text string, i int, high rune) (r rune, size int) {
	if utf16.IsSurrogate(high) && strings.HasPrefix(text[i:], `\u`) {
		if low, ok := hexAt(text, i+2, 4); ok {
			return utf16.DecodeRune(high, low), 11
		}
	}
	return high, 5
}

func hexAt(text string, i, digits int) (rune, bool) {
	if i+digits > len(text) {
		return 0, false
	}
	n, err := strconv.ParseUint(text[i:i+digits], 16, 32)
	return rune(n), err == nil
}
