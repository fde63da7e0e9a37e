package provider

import (
	"fmt"
	"strings"
	"testing"
)

// recoded are the ways in which a secret comes back from an endpoint that takes
// its characters for those of another encoding, or has none for them.
func recoded(secret string) map[string]string {
	var latin, taken, asked, unknown strings.Builder
	for _, r := range secret {
		if r < 0x80 {
			for _, b := range []*strings.Builder{&latin, &asked, &unknown} {
				b.WriteRune(r)
			}
			continue
		}
		latin.WriteByte(byte(r))
		asked.WriteByte('?')
		unknown.WriteRune('\ufffd')
	}
	for _, b := range []byte(secret) {
		taken.WriteRune(rune(b))
	}
	return map[string]string{
		"in Latin-1": latin.String(), "UTF-8 taken for Latin-1": taken.String(),
		"with question marks": asked.String(), "with the character for unknown ones": unknown.String(),
		"decomposed": strings.NewReplacer("ä", "a\u0308", "é", "e\u0301").Replace(secret), "without accents": strings.NewReplacer("ä", "a", "é", "e").Replace(secret),
		"transliterated": strings.NewReplacer("ä", "ae", "é", "e").Replace(secret), "dropped": strings.NewReplacer("ä", "", "é", "").Replace(secret),
		"in JSON, in Latin-1": strings.NewReplacer("ä", `\u00c3\u00a4`, "é", `\u00c3\u00a9`).Replace(secret),
	}
}

func TestP7SecretsInAnotherCharsetKeepTheTextBack(t *testing.T) {
	for _, secret := range []string{"sesäme open", "ältere café pass", "éwird"} {
		for name, text := range recoded(secret) {
			t.Run(secret+" "+name, func(t *testing.T) {
				var s secrets
				s.add(secret)
				if got := s.show("x "+text+" y", maxDescription); got != "description "+holdsSecret && got != "x [redacted] y" {
					t.Errorf("%q shows as %q", text, got)
				}
			})
		}
	}
}

func TestP7SecretsWithoutASCIIDoNotShow(t *testing.T) {
	const secret = "сезам"
	var s secrets
	s.add(secret)
	for name, text := range map[string]string{"as it is": secret, "UTF-8 taken for Latin-1": recoded(secret)["UTF-8 taken for Latin-1"]} {
		if got := s.show("x "+text+" y", maxDescription); got != "description "+holdsSecret && got != "x [redacted] y" {
			t.Errorf("%s: shows as %q", name, got)
		}
	}
}

func TestATextThatIsNotLikeASecretShows(t *testing.T) {
	var s secrets
	s.add("sesäme open", "éa") // the second says too little without its accent
	const text = "same open question: a user is unknown"
	if got := s.show(text, maxDescription); got != text {
		t.Errorf("shows as %q", got)
	}
}

func TestWhatIsLookedForInOtherCharsetsIsBounded(t *testing.T) {
	var s secrets
	for i := range maxBlurs {
		s.add(fmt.Sprintf("sesäme %d", i))
	}
	if got := s.show("all is well", maxDescription); got != "all is well" {
		t.Errorf("shows as %q", got)
	}
	s.add("one äccent more")
	if got := s.show("all is well", maxDescription); got != "description "+tooMuch {
		t.Errorf("shows as %q", got)
	}
	s = secrets{}
	long := strings.Repeat("ä", 1000) + strings.Repeat("sesäme", 1000)
	s.add(long)
	if got := s.show("got "+strings.ReplaceAll(long, "ä", ""), maxDescription); got != "description "+holdsSecret {
		t.Errorf("shows as %q", got)
	}
}
