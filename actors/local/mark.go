package local

import (
	"bytes"

	"golang.org/x/text/encoding/unicode"
)

// The byte order marks that editors write before a text (Unicode, section 23.8).
var (
	utf8Mark   = []byte("\xef\xbb\xbf")
	utf16Marks = [][]byte{[]byte("\xff\xfe"), []byte("\xfe\xff")}
)

// Unmarked returns text without the byte order mark before it, in UTF-8 whatever the
// mark says that it is in, and whether there was one.
func Unmarked(text []byte) (plain []byte, marked bool) {
	if plain, marked = bytes.CutPrefix(text, utf8Mark); marked {
		return plain, true
	}
	for _, mark := range utf16Marks {
		if bytes.HasPrefix(text, mark) {
			// Units that make no character become U+FFFD: decoding never fails.
			plain, _ = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(text)
			return plain, true
		}
	}
	return text, false
}
