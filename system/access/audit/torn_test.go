package audit

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"tokend/system/access"
)

// smallDisk is a file on a disk with room for a few more bytes.
type smallDisk struct {
	file *os.File
	room int
}

func (d *smallDisk) Write(p []byte) (int, error) {
	n, err := d.file.Write(p[:min(len(p), d.room)])
	if d.room -= n; err == nil && n < len(p) {
		err = os.ErrDeadlineExceeded // stands for ENOSPC
	}
	return n, err
}

// TestAFullDiskHasWholeLines writes lines of the same length where there is room for a
// few, in one batch, and then for more.
func TestAFullDiskHasWholeLines(t *testing.T) {
	line := len(lineOf(t))
	for name, tt := range map[string]struct {
		room int
		want string // services, in order
		lost uint64
	}{
		"room for nothing":        {0, "lost d", 3},
		"room for half a line":    {line / 2, "lost d", 3},
		"room for a line":         {line, "a lost d", 2},
		"room for two and a half": {line*2 + line/2, "a b lost d", 1},
		"room for all but an end": {line*3 - 1, "a b lost d", 1},
		"room for all":            {line * 3, "a b c d", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "audit")
				f, err := place{path: path}.open()
				if err != nil {
					t.Fatal(err)
				}
				disk := &smallDisk{f, tt.room}
				var lost atomic.Uint64
				w := &writer{to: disk, file: f, place: place{path: path}}
				l := &Log{opts: Options{Lost: &lost}.withDefaults(), queue: make(chan access.Record, 10), stop: make(chan struct{})}
				l.again.tell, w.log = l.enqueue, l
				for _, name := range []string{"a", "b", "c"} {
					l.Audit(record(name))
				}
				l.ended.Go(w.run)
				synctest.Wait()
				if text, _ := os.ReadFile(path); len(text) > 0 && text[len(text)-1] != '\n' {
					t.Errorf("a torn line: %q", text)
				}
				disk.room = 1 << 20
				l.Audit(record("d"))
				l.Close()
				text, err := os.ReadFile(path)
				if got := strings.Join(services(t, string(text)), " "); err != nil || got != tt.want || lost.Load() != tt.lost {
					t.Errorf("%v, %q, want %q; %d lost", err, got, tt.want, lost.Load())
				}
			})
		})
	}
}

func lineOf(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	l := To(&text, Options{})
	l.Audit(record("a"))
	l.Close()
	return text.String()
}

func TestALineWithoutAnEndIsNotGoneOnWith(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit")
	const torn = `{"time":"2026-03-`
	if err := os.WriteFile(path, []byte(torn), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		l, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		l.Audit(record(name))
		l.Close()
	}
	text, err := os.ReadFile(path)
	if got := strings.Join(services(t, strings.TrimPrefix(string(text), torn+"\n")), " "); err != nil || got != "a b" {
		t.Errorf("%v, %q", err, text)
	}
}
