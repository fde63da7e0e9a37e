package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAKeyStandsAlone reads files that hold something else than a key, and more of it
// than any key has.
func TestAKeyStandsAlone(t *testing.T) {
	for text, want := range map[string]string{
		"tkd_x": "tkd_x", "tkd_x\n": "tkd_x", "tkd_x\r\n": "tkd_x",
		strings.Repeat("k", maxKeyFile): strings.Repeat("k", maxKeyFile), strings.Repeat("k", maxKeyFile+1): "",
		"": "", "\n": "", "two words": "", "tkd_x\ntkd_y": "", "tkd_x\r\nHost: y": "", " tkd_x": "",
	} {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := readKey(file); got != want || (err == nil) != (want != "") {
			t.Errorf("%.20q: got %.20q, %v", text, got, err)
		}
	}
}
