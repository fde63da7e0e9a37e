//go:build unix

package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// give gives a file to a user that no machine has.
func give(t *testing.T, path string) {
	t.Helper()
	if err := os.Lchown(path, 54_321, -1); err != nil {
		t.Skipf("NOT TESTED: files cannot be given away: %v", err)
	}
}

func TestWhereAnAuditMayNotBe(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, path string) error
		says string // in the error; empty: it is opened
	}{
		"a new file": {func(*testing.T, string) error { return nil }, ""},
		"one of before": {func(_ *testing.T, path string) error {
			return os.WriteFile(path, nil, 0o600)
		}, ""},
		"a link": {func(_ *testing.T, path string) error {
			return errors.Join(os.WriteFile(path+".victim", nil, 0o600), os.Symlink(path+".victim", path))
		}, "symbolic link"},
		"a link that leads nowhere": {func(_ *testing.T, path string) error {
			return os.Symlink(path+".none", path)
		}, "symbolic link"},
		"one with two names": {func(_ *testing.T, path string) error {
			return errors.Join(os.WriteFile(path+".victim", nil, 0o600), os.Link(path+".victim", path))
		}, "hard link"},
		"a pipe": {func(_ *testing.T, path string) error { return syscall.Mkfifo(path, 0o600) }, "not a regular file"},
		"one that a group may read": {func(_ *testing.T, path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o640))
		}, "make it 0600"},
		"one that everyone may write": {func(_ *testing.T, path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o602))
		}, "make it 0600"},
		"one of another": {func(t *testing.T, path string) error {
			err := os.WriteFile(path, nil, 0o600)
			give(t, path)
			return err
		}, "belongs to another user"},
		"everyone's directory": {func(_ *testing.T, path string) error {
			return os.Chmod(filepath.Dir(path), 0o777)
		}, "others can change"},
		"a directory below everyone's": {func(_ *testing.T, path string) error {
			return os.Chmod(filepath.Dir(filepath.Dir(path)), 0o777)
		}, "others can change"},
		"a directory of another": {func(t *testing.T, path string) error {
			give(t, filepath.Dir(path))
			return nil
		}, "belongs to another user"},
		"a sticky directory": {func(_ *testing.T, path string) error {
			return os.Chmod(filepath.Dir(path), 0o777|fs.ModeSticky)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "d", "audit")
			if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o755), c.make(t, path)); err != nil {
				t.Fatal(err)
			}
			judged := Judge(path, false)
			l, err := Open(path, Options{})
			if err == nil {
				l.Close()
			}
			for _, err := range []error{err, judged} {
				if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want one that says %q", err, c.says)
				}
			}
		})
	}
}

func TestWhoCanChangeTheDirectoryOfAnAuditMayBeTrusted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit")
	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := Judge(path, true); err != nil {
		t.Error(err)
	}
	l, err := Open(path, Options{TrustDirectory: true})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{TrustDirectory: true}); err == nil {
		t.Error("the file itself is not looked at")
	}
}

// A link that takes the file's place is not followed when the file is opened anew: the
// lines go on where they went.
func TestALinkInTheFilesPlaceIsNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path, moved, victim := filepath.Join(dir, "audit"), filepath.Join(dir, "moved"), filepath.Join(dir, "victim")
		var reports []string
		l, err := Open(path, Options{Failing: func(text string) { reports = append(reports, text) }})
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(os.WriteFile(victim, nil, 0o600), os.Rename(path, moved), os.Symlink(victim, path))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		l.Audit(record("a"))
		synctest.Wait()
		l.Close()
		for file, want := range map[string]string{moved: "a", victim: ""} {
			text, err := os.ReadFile(file)
			if got := strings.Join(services(t, string(text)), " "); err != nil || got != want {
				t.Errorf("%s: %v, %q", filepath.Base(file), err, got)
			}
		}
		if len(reports) != 1 || !strings.Contains(reports[0], "symbolic link") {
			t.Errorf("reports %q", reports)
		}
	})
}
