package main

import (
	"os"
	"path/filepath"
	"testing"

	"tokend/messages"
	"tokend/system/httpapi"
)

func tokenOf(text string) []httpapi.Token {
	return []httpapi.Token{{AccessToken: messages.NewSecret(text), Fingerprint: text}}
}

// TestAFileThatCouldNotBeWrittenIsWrittenLater takes the place of the file away and
// gives it back.
func TestAFileThatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	h := &holder{variables: []variable{{"A", "a"}}, tokens: tokenOf("one"), dir: filepath.Join(t.TempDir(), "there")}
	if changed, err := h.adopt(tokenOf("two")); changed || err == nil {
		t.Errorf("changed %v, error %v", changed, err)
	}
	if err := os.Mkdir(h.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if changed, err := h.adopt(tokenOf("two")); !changed || err != nil {
		t.Errorf("then: changed %v, error %v", changed, err)
	}
	if text, err := os.ReadFile(h.path(h.variables[0])); err != nil || string(text) != "two" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

func TestFilesAreNotInARelativePlace(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("XDG_RUNTIME_DIR", ".")
	if dir := runtimeDir(); !filepath.IsAbs(dir) {
		t.Errorf("files go to %q", dir)
	}
}
