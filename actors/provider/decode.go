package provider

import (
	"bytes"
	"regexp"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"

	"tokend/actors/local"
)

// charsetOf finds the charset in a Content-Type, also in one that is not well-formed.
var charsetOf = regexp.MustCompile(`(?i)\bcharset\s*=\s*["']?([\w.:-]+)`)

// inUTF8 returns a body that is called kind in UTF-8: by its byte order mark, else by
// its charset. What cannot be read stays as it is.
func inUTF8(kind string, body []byte) []byte {
	if plain, marked := local.Unmarked(body); marked {
		return plain
	}
	found := charsetOf.FindStringSubmatch(kind)
	if found == nil {
		return body
	}
	charset, err := htmlindex.Get(found[1])
	if err != nil || charset == encoding.Replacement || claimedOnly(charset, body) {
		return body
	}
	plain, err := charset.NewDecoder().Bytes(body)
	if err != nil {
		return body
	}
	return bytes.TrimPrefix(plain, []byte("\ufeff"))
}

// claimedOnly reports whether a body is in UTF-8 although a charset of one byte a
// character is claimed: that is what some servers name without being asked.
func claimedOnly(charset encoding.Encoding, body []byte) bool {
	_, single := charset.(*charmap.Charmap)
	return single && utf8.Valid(body)
}
