//go:build unix

package disk

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const somebody = 12345

// ofSomebody gives a file to another user, which takes root.
func ofSomebody(t *testing.T, path string) {
	t.Helper()
	if err := os.Lchown(path, somebody, somebody); err != nil {
		t.Skipf("files cannot be given away, so those of others are not tested: %v", err)
	}
}

func TestAFileOfAnotherUserIsAClearError(t *testing.T) {
	for _, what := range []string{"the file", "its directory"} {
		t.Run(what, func(t *testing.T) {
			b := filled(t)
			path := b.path
			if what == "its directory" {
				path = filepath.Dir(path)
			}
			ofSomebody(t, path)
			if _, err := Open(b.options()); err == nil || !strings.Contains(err.Error(), "belongs to another user (uid 12345)") {
				t.Errorf("Open: %v", err)
			}
			if entries, err := Inspect(b.path, b.keys); err != nil || len(entries) != 3 {
				t.Errorf("Inspect: %+v, %v", entries, err)
			}
		})
	}
}

func TestARotationByRootLeavesTheFileItsOwner(t *testing.T) {
	b := filled(t)
	ofSomebody(t, b.path)
	ofSomebody(t, filepath.Dir(b.path))
	if _, err := Rotate(b.path, b.keys); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(b.path)
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != somebody || st.Gid != somebody || info.Mode().Perm() != 0o600 {
		t.Errorf("it belongs to %d:%d with mode %v", st.Uid, st.Gid, info.Mode())
	}
}

func TestTheUmaskOpensNothing(t *testing.T) {
	b := newBench(t)
	before := syscall.Umask(0)
	s, err := Open(b.options())
	syscall.Umask(before)
	if err != nil {
		t.Fatal(err)
	}
	b.close(s)
	for path, want := range map[string]os.FileMode{b.path: 0o600, filepath.Dir(b.path): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), errors.Unwrap(err))
		}
	}
}
