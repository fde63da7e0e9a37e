//go:build linux || darwin || freebsd || openbsd || netbsd

package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const stranger = 54_321 // a user that no machine has

// place makes a directory with that mode, whatever the umask.
func place(t *testing.T, mode fs.FileMode, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, mode)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func give(t *testing.T, path string, uid, gid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can give files away; run the tests as root too")
	}
	if err := os.Lchown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestWhoCanChangeADirectory(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, dir string) string // returns what is looked at
		weak string                                // names the directory that others can change; empty: none
		says string
	}{
		"one of this user": {func(t *testing.T, dir string) string { return place(t, 0o755, dir, "d") }, "", ""},
		"one that only its owner sees": {func(t *testing.T, dir string) string {
			return place(t, 0o711, place(t, 0o711, dir, "d"), "e")
		}, "", ""},
		"one that everyone can write to": {func(t *testing.T, dir string) string {
			return place(t, 0o777, dir, "d")
		}, "d", "everyone can write"},
		"the same, as Kubernetes makes it": {func(t *testing.T, dir string) string {
			return place(t, 0o777|fs.ModeSetgid, dir, "d")
		}, "d", "mode 02777"},
		"a sticky one": {func(t *testing.T, dir string) string { return place(t, 0o777|fs.ModeSticky, dir, "d") }, "", ""},
		"one below a sticky one": {func(t *testing.T, dir string) string {
			return place(t, 0o700, place(t, 0o777|fs.ModeSticky, dir, "d"), "e")
		}, "", ""},
		"one below one that everyone can write to": {func(t *testing.T, dir string) string {
			return place(t, 0o700, place(t, 0o777, dir, "d"), "e", "f")
		}, "d", "everyone can write"},
		"one of another": {func(t *testing.T, dir string) string {
			d := place(t, 0o700, dir, "d")
			give(t, d, stranger, -1)
			return d
		}, "d", "belongs to another user (uid 54321)"},
		"one below one of another": {func(t *testing.T, dir string) string {
			e := place(t, 0o700, dir, "d", "e")
			give(t, filepath.Dir(e), stranger, -1)
			return e
		}, "d", "belongs to another user (uid 54321)"},
		"a sticky one of another": {func(t *testing.T, dir string) string {
			d := place(t, 0o777|fs.ModeSticky, dir, "d")
			give(t, d, stranger, -1)
			return d
		}, "d", "belongs to another user (uid 54321)"},
		"one that a group can write to": {func(t *testing.T, dir string) string {
			d := place(t, 0o775, dir, "d")
			give(t, d, -1, stranger)
			return d
		}, "d", "group 54321 can write"},
		"a sticky one that a group can write to": {func(t *testing.T, dir string) string {
			d := place(t, 0o775, dir, "d")
			give(t, d, -1, stranger)
			return place(t, 0o775|fs.ModeSticky, d)
		}, "", ""},
		"one behind a link of this user": {func(t *testing.T, dir string) string {
			d := place(t, 0o755, dir, "d")
			link(t, d, filepath.Join(dir, "l"))
			return filepath.Join(dir, "l")
		}, "", ""},
		"one behind a link that goes up": {func(t *testing.T, dir string) string {
			place(t, 0o777, dir, "d")
			link(t, "../d", filepath.Join(place(t, 0o755, dir, "e"), "l"))
			return filepath.Join(dir, "e", "l")
		}, "d", "everyone can write"},
		"one that is not there yet": {func(t *testing.T, dir string) string {
			return filepath.Join(place(t, 0o777, dir, "d"), "e", "f")
		}, "d", "everyone can write"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := c.make(t, dir)
			d, err := WalkFar(path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = d.Close() }()
			err = d.Safe()
			if c.weak == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			exposed, ok := errors.AsType[*ExposedError](err)
			if !ok || exposed.Weak.Path != filepath.Join(dir, c.weak) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want one about %s that says %q", err, c.weak, c.says)
			}
		})
	}
}

func TestWhatRootAloneCanChange(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root owns what root alone can change; run the tests as root too")
	}
	for name, c := range map[string]struct {
		make func(t *testing.T, dir string) string
		want bool
	}{
		"root's": {func(t *testing.T, dir string) string { return place(t, 0o755, dir, "d") }, true},
		"below a sticky one": {func(t *testing.T, dir string) string {
			return place(t, 0o755, place(t, 0o777|fs.ModeSticky, dir, "d"), "e")
		}, true},
		"a sticky one": {func(t *testing.T, dir string) string { return place(t, 0o777|fs.ModeSticky, dir, "d") }, false},
		"a group's":    {func(t *testing.T, dir string) string { return place(t, 0o775, dir, "d") }, false},
		"everyone's":   {func(t *testing.T, dir string) string { return place(t, 0o777, dir, "d") }, false},
		"another's": {func(t *testing.T, dir string) string {
			d := place(t, 0o755, dir, "d")
			give(t, d, stranger, -1)
			return d
		}, false},
		"below another's": {func(t *testing.T, dir string) string {
			e := place(t, 0o755, dir, "d", "e")
			give(t, filepath.Dir(e), stranger, -1)
			return e
		}, false},
		"behind a link": {func(t *testing.T, dir string) string {
			link(t, place(t, 0o755, dir, "d"), filepath.Join(dir, "l"))
			return filepath.Join(dir, "l")
		}, true},
		"behind another's link": {func(t *testing.T, dir string) string {
			sticky := place(t, 0o777|fs.ModeSticky, dir, "s")
			link(t, place(t, 0o755, dir, "d"), filepath.Join(sticky, "l"))
			give(t, filepath.Join(sticky, "l"), stranger, -1)
			return filepath.Join(sticky, "l")
		}, false},
		"nothing": {func(_ *testing.T, dir string) string { return filepath.Join(dir, "none") }, false},
	} {
		if got := RootAlone(c.make(t, t.TempDir())); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLinksOfOthersAreNotFollowed(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, dir string) string{
		"in a directory that everyone can write to": func(t *testing.T, dir string) string {
			return filepath.Join(place(t, 0o777, dir, "d"), "l")
		},
		"below one": func(t *testing.T, dir string) string {
			return filepath.Join(place(t, 0o755, place(t, 0o777, dir, "d"), "e"), "l")
		},
		"of another in a sticky one": func(t *testing.T, dir string) string {
			return filepath.Join(place(t, 0o777|fs.ModeSticky, dir, "d"), "l")
		},
		"in a directory of another": func(t *testing.T, dir string) string {
			d := place(t, 0o755, dir, "d")
			give(t, d, stranger, -1)
			return filepath.Join(d, "l")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := make(t, dir)
			link(t, place(t, 0o755, dir, "victim"), path)
			give(t, path, stranger, stranger)
			for _, end := range []string{"", "deeper"} {
				_, err := Walk(filepath.Join(path, end))
				if e, ok := errors.AsType[*LinkError](err); !ok || e.Path != path {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

func TestWaysThatLeadNowhere(t *testing.T) {
	dir := t.TempDir()
	link(t, "b", filepath.Join(dir, "a"))
	link(t, "a", filepath.Join(dir, "b"))
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		"a": syscall.ELOOP, "file": syscall.ENOTDIR, "file/d": syscall.ENOTDIR, "none": fs.ErrNotExist, "none/d": fs.ErrNotExist,
	} {
		if _, err := Walk(filepath.Join(dir, path)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

func TestADirectoryThatWasReplacedIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	at := place(t, 0o755, dir, "d")
	d, err := Walk(at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	root, err := d.Root()
	if err != nil {
		t.Fatal(err)
	}
	_ = root.Close()
	if err := os.Rename(at, at+"2"); err != nil {
		t.Fatal(err)
	}
	for _, put := range []func(){
		func() { link(t, place(t, 0o755, dir, "victim"), at) },
		func() { place(t, 0o755, at) },
	} {
		_ = os.Remove(at)
		put()
		if root, err := d.Root(); !errors.Is(err, ErrMoved) {
			t.Errorf("opened %v, %v", root, err)
		}
	}
}

func TestWhoIsAloneInAGroup(t *testing.T) {
	const users = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:1001::/:/bin/sh\neve:x:1002:100::/:/bin/sh\n"
	for name, c := range map[string]struct {
		groups string
		gid    uint32
		want   bool
	}{
		"the user's own":              {"ann:x:1000:\n", 1000, true},
		"the user is named, too":      {"ann:x:1000:ann\n", 1000, true},
		"root is in it":               {"ann:x:1000:root,ann\n", 1000, true},
		"another is in it":            {"ann:x:1000:ann,bob\n", 1000, false},
		"another's":                   {"bob:x:1001:\n", 1001, false},
		"one that nobody knows":       {"ann:x:1000:\n", 2000, false},
		"one without members":         {"shadow:x:42:\n", 42, false},
		"one that groups do not list": {"bob:x:1001:\n", 1000, false},
		"twice, once with another":    {"ann:x:1000:\nstaff:x:1000:bob\n", 1000, false},
		"root's":                      {"root:x:0:\n", 0, false},
	} {
		if got := alone(users, c.groups, 1000, c.gid); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if !alone(users, "root:x:0:\n", 0, 0) || alone(users+"op:x:11:0::/:/bin/sh\n", "root:x:0:\n", 0, 0) {
		t.Error("root's group is judged otherwise")
	}
}
