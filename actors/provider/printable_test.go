package provider

import (
	"strings"
	"testing"
)

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
