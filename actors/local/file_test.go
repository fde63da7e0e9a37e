package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	written := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, written, written); err != nil {
		t.Fatal(err)
	}
	if f, err := Read(path, 10); err != nil || string(f.Text) != "0123456789" || !f.Modified.Equal(written) {
		t.Errorf("%q of %s, %v", f.Text, f.Modified, err)
	}
	if text, err := ReadFile(path, 10); err != nil || string(text) != "0123456789" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestFilesThatAreNotRead(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path  string
		limit int64
		want  string
	}{
		"too large by bytes": {large, 10, "larger than 10 bytes"},
		"too large by MiB":   {large, 1 << 20, "larger than 1 MiB"},
		"a directory":        {dir, 10, "not a regular file"},
		"nothing":            {filepath.Join(dir, "none"), 10, "no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			if f, err := Read(c.path, c.limit); err == nil || err.Error() != c.want || f.Text != nil {
				t.Errorf("%q, %v", f.Text, err)
			}
		})
	}
	closed, write := filepath.Join(dir, "closed"), filepath.Join(dir, "write")
	for path, then := range map[string]func(f *os.File) error{
		closed: (*os.File).Close,
		write:  func(*os.File) error { return nil },
	} {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if err := then(f); err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(f, 10); err == nil || got.Text != nil {
			t.Errorf("%s: %q, %v", filepath.Base(path), got.Text, err)
		}
		_ = f.Close()
	}
	if _, err := ReadFile(filepath.Join(dir, "none"), 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v cannot be told from others", err)
	}
}
