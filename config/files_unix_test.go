//go:build unix

package config

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe that nobody writes to would hold up whoever reads it for good.
func TestPipesAreNotRead(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := NewSecret("${file:" + pipe + "}").Resolve()
	if want := "${file:" + pipe + "}: not a regular file"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
