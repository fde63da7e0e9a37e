package provider

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
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
		"none":                                 {[]string{"", "  "}, "a b", "a b"},
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

// disguised are the ways in which a secret comes back that are not replaced where
// they stand: the whole text is kept back.
func disguised(secret string) map[string]string {
	raw, url64 := base64.RawStdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString
	form := url.Values{"grant_type": {"password"}, "password": {secret}}.Encode()
	units := func(format string) string {
		var out strings.Builder
		for _, c := range secret {
			fmt.Fprintf(&out, format, c)
		}
		return out.String()
	}
	bytes := strings.ReplaceAll(fmt.Sprintf("% x", secret), " ", "%")
	return map[string]string{
		"percent, lower case":       strings.ToLower(url.QueryEscape(secret)),
		"percent, every byte":       "%" + bytes,
		"percent, twice":            url.QueryEscape(url.QueryEscape(secret)),
		"percent, some":             strings.NewReplacer(" ", "%20", "/", "%2f").Replace(secret),
		"HTML, every character":     units("&#%d;"),
		"HTML, hexadecimal":         units("&#x%x;"),
		"HTML, with leading zeroes": units("&#%04d;"),
		"HTML, then percent":        url.QueryEscape(units("&#%d;")),
		"JSON, every character":     units(`\u%04X`),
		"JSON, twice":               asJSONText(units(`\u%04x`)),
		"Python":                    units(`\x%02x`),
		"base64 without padding":    raw([]byte(secret)),
		"base64 for URLs":           url64([]byte(secret)),
		"base64 of credentials":     raw([]byte("me:" + secret)),
		"base64 of a longer name":   raw([]byte("client:" + secret)),
		"base64 of the form":        raw([]byte(form)),
		"base64 of the form, URL":   url64([]byte("a=b&" + form)),
		"base64, then percent":      url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("me:" + secret))),
		"hex":                       hex.EncodeToString([]byte(secret)),
		"hex in capitals":           strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"upper case":                strings.ToUpper(secret),
		"lower case":                strings.ToLower(secret),
		"a zero-width space in it":  secret[:5] + "\u200b" + secret[5:],
		"a soft hyphen in it":       secret[:5] + "\u00ad" + secret[5:],
		"a variation selector":      secret[:5] + "\ufe0f" + secret[5:],
		"a line end in it":          secret[:5] + "\n" + secret[5:],
		"a bell in it":              secret[:5] + "\a" + secret[5:],
		"spaces everywhere":         strings.Join(strings.Split(secret, ""), " "),
		"spaces of another kind":    strings.ReplaceAll(secret, " ", "\u00a0"),
		"spaces doubled":            strings.ReplaceAll(secret, " ", "  "),
	}
}

func TestP7SecretsInDisguiseKeepTheTextBack(t *testing.T) {
	for _, secret := range []string{"S3cr3t/+ va!ue'*(x)&\"é", "hunTer22xyz"} {
		for name, text := range disguised(secret) {
			t.Run(name, func(t *testing.T) {
				var s secrets
				s.add(secret)
				got := s.show("x "+text+" y", maxDescription)
				if got != "description "+holdsSecret && got != "x [redacted] y" {
					t.Errorf("%q shows as %q", text, got)
				}
			})
		}
	}
}

func TestP7ShortSecretsKeepTheTextBack(t *testing.T) {
	withheld := "description " + holdsSecret
	for name, c := range map[string]struct{ secret, literal, text, want string }{
		"a secret":                 {"7k3", "", "pin 7k3 is wrong", withheld},
		"in other words":           {"7k3", "", "pin17k3x", withheld},
		"in capitals":              {"7k3", "", "pin 7K3", withheld},
		"encoded":                  {"7k3", "", "pin %37%6b3", withheld},
		"something else":           {"7k3", "", "no such user", "no such user"},
		"a literal that is alone":  {"", "en", "language=en?", withheld},
		"a literal within a word":  {"", "en", "authentication, enabled, open", "authentication, enabled, open"},
		"a literal after its like": {"", "1", "code 11", "code 11"},
		"a literal, the last time": {"", "1", "11 21 1", withheld},
	} {
		t.Run(name, func(t *testing.T) {
			var s secrets
			s.add(c.secret)
			s.addLiteral(c.literal)
			if got := s.show(c.text, maxDescription); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatProtocolsSayIsNoSecret(t *testing.T) {
	var s secrets
	s.addLiteral("password", "application/json")
	if got := s.show("Invalid user name or Password", maxDescription); got != "Invalid user name or Password" {
		t.Error(got)
	}
	s.add("password")
	if got := s.show("Invalid user name or password", maxDescription); got != "Invalid user name or [redacted]" {
		t.Error(got)
	}
}

func TestATokenInAnEncodingThatNobodyKnowsIsKeptBack(t *testing.T) {
	var s secrets
	if got := s.show("bad eyJhbGciOiJIUzI1NiJ9%2EeyJhIjoxfQ%2Ec2ln", maxDescription); got != "description "+holdsSecret {
		t.Error(got)
	}
}

// The work of redaction grows with what is hidden times what is shown, so both are
// bounded, whatever an answer holds.
func TestWhatIsHiddenIsBounded(t *testing.T) {
	many := func(n int, add func(s *secrets, v string)) *secrets {
		var s secrets
		for i := range n {
			add(&s, fmt.Sprintf("%05x/ <&", i))
		}
		return &s
	}
	token := func(s *secrets, v string) { s.addToken(v) }
	ours := func(s *secrets, v string) { s.add(v) }
	for name, c := range map[string]struct {
		s    *secrets
		want string
	}{
		"as many tokens as may be":    {many(maxTokens, token), "well"},
		"one token more":              {many(maxTokens+1, token), "description " + tooMuch},
		"very many tokens":            {many(20_000, token), "description " + tooMuch},
		"as many secrets as may be":   {many(maxSecrets, ours), "well"},
		"one secret more":             {many(maxSecrets+1, ours), "description " + tooMuch},
		"one token again and again":   {many(2*maxTokens, func(s *secrets, _ string) { s.addToken("again") }), "well"},
		"secrets of too many bytes":   {many(9, func(s *secrets, v string) { s.add(v + strings.Repeat("x", maxSecretBytes/8)) }), "description " + tooMuch},
		"a secret larger than a text": {many(1, func(s *secrets, v string) { s.add(strings.Repeat(v, 1<<20)) }), "well"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.s.show("well", maxDescription); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if forms := len(c.s.known) + len(c.s.traces); forms > maxSecrets*40 {
				t.Errorf("%d forms to look for", forms)
			}
		})
	}
}

func TestALongTextIsNotLookedAt(t *testing.T) {
	var s secrets
	if got := s.show(strings.Repeat("a", maxSaid), maxDescription); got != strings.Repeat("a", maxDescription) {
		t.Error(got)
	}
	if got := s.show(strings.Repeat("a", maxSaid+1), maxDescription); got != "description "+tooLong {
		t.Error(got)
	}
}

func FuzzRedaction(f *testing.F) {
	for _, seed := range []string{"hunter22", "%68unter22", "&#104;unter22", `\u0068unter22`, `\`, `\u`, "%", "%2", "h u n t e r 2 2", "\xff\\\xc3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s secrets
		s.add("hunter22")
		got := s.show(text, maxDescription)
		if strings.Contains(packed(got), "hunter22") || utf8.RuneCountInString(got) > maxDescription {
			t.Errorf("%q shows as %q", text, got)
		}
	})
}
