package provider

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// What a pattern is made of at most: a search for it has to end soon.
const (
	maxClear = 256 // characters of a secret; whoever shows more shows these
	maxBlur  = 32  // what may stand for a run of characters that are not ASCII
)

// blurred returns what finds v in a [packed] text whose other characters than
// those of ASCII went through encodings that do not fit: each may have become up
// to four, or none. It is nil if v says too little without them.
func blurred(v string) *regexp.Regexp {
	var pattern strings.Builder
	clear, run := 0, 0
	for _, r := range packed(v) {
		if r >= utf8.RuneSelf {
			run++
			continue
		}
		if run > 0 && clear > 0 {
			fmt.Fprintf(&pattern, ".{0,%d}", min(4*run, maxBlur))
		}
		pattern.WriteString(regexp.QuoteMeta(string(r)))
		clear, run = clear+1, 0
		if clear == maxClear {
			break
		}
	}
	if clear < minSecret {
		return nil
	}
	return regexp.MustCompile(pattern.String())
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// inLatin1 returns what becomes of v when its bytes are taken for characters.
func inLatin1(v string) string {
	var out strings.Builder
	for _, b := range []byte(v) {
		out.WriteRune(rune(b))
	}
	return out.String()
}
