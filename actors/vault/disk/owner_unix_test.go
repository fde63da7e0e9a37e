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

func TestAVaultIsNotKeptWhereOthersCanTurnTheWay(t *testing.T) {
	for name, c := range map[string]struct {
		turn func(t *testing.T, dir string) // the directory of the file
		says string
	}{
		"everyone's": {func(t *testing.T, dir string) { mode(t, dir, 0o777) }, "everyone can write to"},
		"below everyone's": {func(t *testing.T, dir string) {
			mode(t, filepath.Dir(dir), 0o777)
		}, "everyone can write to"},
		"below another's": {func(t *testing.T, dir string) {
			ofSomebody(t, filepath.Dir(dir))
		}, "belongs to another user"},
		"behind a link of everyone's": {func(t *testing.T, dir string) {
			mode(t, filepath.Dir(dir), 0o777)
			if err := errors.Join(os.Rename(dir, dir+"2"), os.Symlink(dir+"2", dir)); err != nil {
				t.Fatal(err)
			}
		}, "symbolic link"},
		"a private group's": {func(t *testing.T, dir string) { mode(t, dir, 0o770) }, "may be written by others"},
	} {
		t.Run(name, func(t *testing.T) {
			b := filled(t)
			c.turn(t, filepath.Dir(b.path))
			if _, err := Open(b.options()); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Open: %v, want one that says %q", err, c.says)
			}
			trusting := b.options()
			trusting.TrustDirectory = true
			s, err := Open(trusting)
			if err != nil {
				t.Fatal(err)
			}
			b.close(s)
			if n, err := trusting.Rotate(); err != nil || n != 3 {
				t.Errorf("Rotate: %d, %v", n, err)
			}
			if entries, err := trusting.Inspect(); err != nil || len(entries) != 3 {
				t.Errorf("Inspect: %v, %v", entries, err)
			}
		})
	}
}

// A directory that is made must not be made where others lead to.
func TestNoDirectoryIsMadeWhereOthersLeadTo(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	open, victim := filepath.Join(dir, "open"), filepath.Join(dir, "victim")
	if err := errors.Join(os.Mkdir(open, 0o755), os.Mkdir(victim, 0o755), os.Symlink(victim, filepath.Join(open, "link"))); err != nil {
		t.Fatal(err)
	}
	mode(t, open, 0o777)
	for _, way := range []string{"link", "new"} {
		o := b.options()
		o.Path = filepath.Join(open, way, "deep", "vault.db")
		if _, err := Open(o); err == nil {
			t.Errorf("%s: a vault was made", way)
		}
	}
	for _, path := range []string{victim, filepath.Join(open, "new")} {
		if left, _ := os.ReadDir(path); len(left) > 0 {
			t.Errorf("%s holds %v", path, left)
		}
	}
}

func mode(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
