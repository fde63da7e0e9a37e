package sink

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func fileIn(dir string) *file {
	return &file{dir: dir, name: "token", mode: 0o640, owner: nobody}
}

func heldOf(content string, expires time.Time) held {
	return held{there: true, sum: sha256.Sum256([]byte(content)), expires: expires}
}

func replace(t *testing.T, f *file, content string, expires time.Time) {
	t.Helper()
	if err := f.replace([]byte(content), heldOf(content, expires)); err != nil {
		t.Fatal(err)
	}
}

func TestALinkIsReplacedAndNotFollowed(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(t.TempDir(), "target")
	if err := errors.Join(os.WriteFile(target, []byte("old"), 0o600), os.Symlink(target, filepath.Join(dir, "token"))); err != nil {
		t.Fatal(err)
	}
	f := fileIn(dir)
	replace(t, f, "new", time.Time{})
	info, err := os.Lstat(filepath.Join(dir, "token"))
	old, _ := os.ReadFile(target)
	if err != nil || !info.Mode().IsRegular() || string(old) != "old" {
		t.Errorf("%v, %v, the target holds %q", info, err, old)
	}
	if there, ours := f.standing(); !there || !ours {
		t.Error("it is not known again")
	}
}

func TestADirectoryInTheWay(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "token"), 0o700); err != nil {
		t.Fatal(err)
	}
	f := fileIn(dir)
	if err := f.replace([]byte("x"), heldOf("x", time.Time{})); !errors.Is(err, errIrregular) {
		t.Errorf("err = %v", err)
	}
	f.held = heldOf("x", time.Time{})
	if err := f.discard(); !errors.Is(err, errForeign) {
		t.Errorf("discard: err = %v", err)
	}
}

func TestLeftoversAreSweptByTheirNames(t *testing.T) {
	dir := t.TempDir()
	others := []string{".token.tokend-0123456789abcde", ".token.tokend-0123456789abcdeg", ".other.tokend-0123456789abcdef", "token.tokend-0123456789abcdef", "x.token.tokend-0123456789abcdef"}
	for _, name := range append([]string{".token.tokend-0123456789abcdef", "..token.tokend.tokend-0123456789abcdef"}, others...) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := fileIn(dir).adopt(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if slices.Sort(others); !slices.Equal(left, others) {
		t.Errorf("%q are left", left)
	}
}

func TestAFileIsKnownAgain(t *testing.T) {
	dir, dies := t.TempDir(), time.Unix(2_000_000_000, 5).UTC()
	replace(t, fileIn(dir), "one", dies)
	f := fileIn(dir)
	if err := f.adopt(); err != nil || f.held != heldOf("one", dies) {
		t.Fatalf("%+v, %v", f.held, err)
	}
	replace(t, f, "two", time.Time{})
	f = fileIn(dir)
	if err := f.adopt(); err != nil || !f.held.there || !f.held.expires.IsZero() {
		t.Fatalf("%+v, %v", f.held, err)
	}
	f = &file{dir: dir, name: "token", mode: 0o600, owner: nobody}
	if err := f.adopt(); err != nil || !f.held.misfit {
		t.Errorf("another mode: %+v, %v", f.held, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("three"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f = fileIn(dir); f.adopt() != nil || f.held.there {
		t.Error("a file of somebody else is taken for ours")
	}
}

// When a process dies between the note and the file, the file is the old one.
func TestTheNoteKnowsTheFileOfBefore(t *testing.T) {
	dir := t.TempDir()
	f := fileIn(dir)
	replace(t, f, "one", time.Unix(5, 0))
	replace(t, f, "two", time.Unix(6, 0))
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("one"), 0o640); err != nil {
		t.Fatal(err)
	}
	f = fileIn(dir)
	if err := f.adopt(); err != nil || !f.held.expires.Equal(time.Unix(5, 0)) {
		t.Errorf("%+v, %v", f.held, err)
	}
}

func TestWhatIsRemovedIsOurs(t *testing.T) {
	dir := t.TempDir()
	f := fileIn(dir)
	replace(t, f, "one", time.Time{})
	if err := f.discard(); err != nil || f.held.there {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left: %v", entries)
	}
	replace(t, f, "two", time.Time{})
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.discard(); !errors.Is(err, errForeign) {
		t.Errorf("err = %v", err)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "token")); string(text) != "theirs" {
		t.Errorf("the file holds %q", text)
	}
}

func TestWhatHasGoneNeedsNoRemoval(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sub")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f := fileIn(dir)
	replace(t, f, "one", time.Time{})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if there, ours := f.standing(); there || ours {
		t.Error("it is still there")
	}
	if err := f.discard(); err != nil || f.held.there {
		t.Error(err)
	}
	if err := f.replace([]byte("x"), heldOf("x", time.Time{})); err == nil || strings.Contains(err.Error(), dir) {
		t.Errorf("err = %v", err)
	}
	if err := f.adopt(); err == nil {
		t.Error("no error")
	}
}

func TestNotesThatAreNone(t *testing.T) {
	good := formatNote(heldOf("a", time.Unix(7, 0)))
	for name, text := range map[string][]byte{
		"empty": nil, "text": []byte("hello\n"), "short": []byte("ab 2030-01-02T03:04:05Z\n"), "no time": append(bytes.Clone(good[:64]), " never\n"...),
	} {
		if all := parseNote(text); len(all) != 0 {
			t.Errorf("%s: %+v", name, all)
		}
	}
	if all := parseNote(good); len(all) != 1 || all[0].sum != sha256.Sum256([]byte("a")) || !all[0].expires.Equal(time.Unix(7, 0)) {
		t.Errorf("%+v", all)
	}
}
