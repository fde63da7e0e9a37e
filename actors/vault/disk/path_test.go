package disk

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/vault"
)

// linked moves the file elsewhere and leaves a symbolic link in its place.
func (b *bench) linked() (target string) {
	b.Helper()
	target = filepath.Join(b.TempDir(), "elsewhere.db")
	if err := os.Rename(b.path, target); err != nil {
		b.Fatal(err)
	}
	if err := os.Symlink(target, b.path); err != nil {
		b.Skipf("no symbolic links here: %v", err)
	}
	return target
}

func TestARotationThroughALinkLeavesNoOldFile(t *testing.T) {
	b := filled(t)
	old, target := b.original(), b.linked()
	if _, err := Rotate(b.path, b.keys); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(target)
	if err != nil || bytes.Contains(text, old[headerSize:]) {
		t.Errorf("the old records are where the link leads to, or %v", err)
	}
	if info, err := os.Lstat(b.path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info.Mode(), err)
	}
	s := b.open()
	b.want(s, "erp", "token-of-erp", "state-of-erp")
	b.close(s)
}

func TestWhereALinkLeadsToIsLookedAt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes mean nothing here")
	}
	b := filled(t)
	target := b.linked()
	dir := filepath.Dir(target)
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // on purpose
		t.Fatal(err)
	}
	if _, err := Open(b.options()); err == nil || !strings.Contains(err.Error(), "make it 0700") {
		t.Errorf("a directory that others may write: %v", err)
	}
	if err := errors.Join(os.Chmod(dir, 0o700), os.Remove(target)); err != nil { //nolint:gosec // a directory
		t.Fatal(err)
	}
	if _, err := Open(b.options()); !errors.Is(err, errDangling) {
		t.Errorf("a link that leads nowhere: %v", err)
	}
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made where it leads to: %v", err)
	}
}

func TestWhatIsNoFileIsAClearError(t *testing.T) {
	b := newBench(t)
	if err := os.MkdirAll(b.path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(b.options()); !errors.Is(err, errIrregular) {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Inspect(filepath.Join(b.path, "none"), b.keys); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Inspect: %v", err)
	}
	if _, err := Inspect(filepath.Join(b.path, "none", "none"), b.keys); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Inspect: %v", err)
	}
}

func TestARotationThatWasKilledIsClearedUp(t *testing.T) {
	for name, next := range map[string]func(*bench) error{
		"a start":  func(b *bench) error { b.close(b.open()); return nil },
		"the next": func(b *bench) error { _, err := Rotate(b.path, b.keys); return err },
	} {
		t.Run(name, func(t *testing.T) {
			b := filled(t)
			if err := os.WriteFile(b.path+".new", b.bytes()[:5000], 0o600); err != nil {
				t.Fatal(err)
			}
			if err := next(b); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(b.path + ".new"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the leftover is still there: %v", err)
			}
			s := b.open()
			b.want(s, "erp", "token-of-erp", "state-of-erp")
			b.close(s)
		})
	}
}

// TestAFileThatWasTakenAwayIsNoticed moves the file of an open Store: what would be
// written then, no later node would find.
func TestAFileThatWasTakenAwayIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := filled(t)
		s := b.open()
		if err := os.Rename(b.path, b.path+".away"); err != nil {
			t.Skipf("an open file cannot be moved here: %v", err)
		}
		err := s.SaveState(t.Context(), vault.Key{Service: "billing"}, b.box("billing", vault.ProviderState, "rotated"))
		if !errors.Is(err, errGone) {
			t.Errorf("SaveState: %v", err)
		}
		if h := s.Health(); !h.Degraded || !errors.Is(h.Err, errGone) {
			t.Errorf("health %+v", h)
		}
		b.want(s, "billing", "token-of-billing", "rotated")
		if err := os.Rename(b.path+".away", b.path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(retryMost)
		synctest.Wait()
		if h := s.Health(); h.Degraded || h.Unsaved > 0 {
			t.Errorf("it is there again, health %+v", h)
		}
		b.close(s)
		s = b.open()
		b.want(s, "billing", "token-of-billing", "rotated")
		b.close(s)
	})
}
