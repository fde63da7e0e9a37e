package provider

import (
	"strings"
	"testing"
)

func TestSecretsDoNotShow(t *testing.T) {
	cases := map[string]struct {
		known []string
		text  string
		want  string
	}{
		"as they are":                          {[]string{"hunter22"}, "no hunter22 here", "no [redacted] here"},
		"url-encoded":                          {[]string{"a b&c/d"}, "a+b%26c%2Fd a%20b&c%2Fd", "[redacted] [redacted]"},
		"in base64":                            {[]string{"probe:hunter22"}, "got cHJvYmU6aHVudGVyMjI=", "got [redacted]"},
		"in JSON":                              {[]string{`say "hi"`}, `{\"x\": say \"hi\"}`, `{\"x\": [redacted]}`},
		"in HTML":                              {[]string{"a<b>c"}, "a&lt;b&gt;c", "[redacted]"},
		"more than once":                       {[]string{"abcd"}, "abcd, abcd", "[redacted], [redacted]"},
		"one after the other":                  {[]string{"abcd"}, "abcdabcd", "[redacted]"},
		"one inside another":                   {[]string{"abcd", "abcdefgh"}, "abcdefgh", "[redacted]"},
		"one overlapping another":              {[]string{"xxabcd", "abcdefgh"}, "xxabcdefgh!", "[redacted]!"},
		"torn apart by what does not print":    {[]string{"a secret"}, "a\x00secret", "[redacted]"},
		"with a line end in it":                {[]string{"one\ntwo"}, "one\ntwo three", "[redacted] three"},
		"with spaces around":                   {[]string{" hunter22\n"}, "hunter22", "[redacted]"},
		"too short to be told from chance":     {[]string{"abc", ""}, "abc", "abc"},
		"a JWT that nobody knows":              {nil, "bad eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln!", "bad [redacted]!"},
		"nothing known":                        {nil, "all is well", "all is well"},
		"a text that does not print":           {nil, "a\r\n\x1b[31mb\u202e", "a [31mb"},
		"a secret at the end of what is shown": {[]string{"hunter22"}, strings.Repeat("a", 196) + "hunter22", strings.Repeat("a", 196) + "[red"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var s secrets
			s.add(c.known...)
			if got := s.show(c.text, maxDescription); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestAnOAuthCodeIsAWord(t *testing.T) {
	for text, want := range map[string]string{
		"invalid_client": "invalid_client", "urn:x.Y-1/2": "urn:x.Y-1/2",
		"Bad Request": "", "": "", `a"b`: "", `a\b`: "", "a\nb": "", "ä": "",
		strings.Repeat("a", 64): strings.Repeat("a", 64), strings.Repeat("a", 65): "",
	} {
		if got := oauthCode(text); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

func TestPrintableCountsCharacters(t *testing.T) {
	if got := printable("äöü", 2); got != "äö" {
		t.Errorf("got %q", got)
	}
	if got := printable("äöü", 3); got != "äöü" {
		t.Errorf("got %q", got)
	}
}
