//go:build unix

package local

import (
	"os"
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
	if text, err := ReadFile(pipe, 10); err != ErrNotRegular {
		t.Errorf("%q, %v", text, err)
	}
	f, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if text, err := readAll(f, 10); err != ErrNotRegular {
		t.Errorf("a pipe that took a file's place: %q, %v", text, err)
	}
}

func TestAFileThatMayNotBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path, 10); err != syscall.EACCES {
		t.Errorf("%v", err)
	}
}
