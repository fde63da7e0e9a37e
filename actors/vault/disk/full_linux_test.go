package disk

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tokend/actors/vault"
)

// small moves the bench to a file system of 256 KiB, which takes root.
func (b *bench) small() (dir string) {
	b.Helper()
	dir = b.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k,mode=0700"); err != nil {
		b.Skipf("a small file system cannot be mounted, so a full one is not tested: %v", err)
	}
	b.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			b.Error(err)
		}
	})
	b.path = filepath.Join(dir, "vault.db")
	return dir
}

// fill writes a file until nothing fits any more.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	_ = f.Close()
}

// until waits for a health. The time only bounds a test that fails.
func (b *bench) until(s *Store, want func(Health) bool) {
	b.Helper()
	tick, end := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !want(s.Health()) {
		select {
		case <-tick.C:
		case <-end:
			b.Fatalf("health %+v", s.Health())
		}
	}
}

func TestAFullFileSystemBlocksNobodyAndHeals(t *testing.T) {
	b := newBench(t)
	dir := b.small()
	s := b.open()
	s.Save(b.record("billing", 1, "first", "first"))
	b.until(s, func(h Health) bool { return h.Unsaved == 0 })
	fill(t, filepath.Join(dir, "ballast"))

	big := strings.Repeat("x", 64<<10)
	s.Save(b.record("billing", 2, big, "second"))
	b.until(s, func(h Health) bool { return h.Degraded })
	err := s.SaveState(t.Context(), vault.Key{Service: "erp"}, b.box("erp", vault.ProviderState, "rotated"))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("SaveState: %v", err)
	}
	b.want(s, "billing", big, "second")
	b.want(s, "erp", "", "rotated")

	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	b.until(s, func(h Health) bool { return !h.Degraded && h.Unsaved == 0 })
	b.close(s)
	s = b.open()
	b.want(s, "billing", big, "second")
	b.want(s, "erp", "", "rotated")
	b.close(s)
}

func TestAFullFileSystemLeavesWhatWasThere(t *testing.T) {
	b := newBench(t)
	dir := b.small()
	s := b.open()
	s.Save(b.record("billing", 1, "first", "first"))
	b.until(s, func(h Health) bool { return h.Unsaved == 0 })
	fill(t, filepath.Join(dir, "ballast"))
	s.Save(b.record("billing", 2, strings.Repeat("x", 64<<10), "second"))
	if err := s.Close(); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "the newest records are lost") {
		t.Errorf("Close: %v", err)
	}
	s = b.open()
	b.want(s, "billing", "first", "first")
	b.close(s)
}

func TestAReadOnlyFileSystemIsAClearError(t *testing.T) {
	b := newBench(t)
	dir := b.small()
	s := b.open()
	s.Save(b.record("billing", 1, "token", ""))
	b.close(s)
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	b.fails(syscall.EROFS)
	entries, err := Inspect(b.path, b.keys)
	if err != nil || len(entries) != 1 {
		t.Errorf("Inspect: %+v, %v", entries, err)
	}
}

func TestAFileThatCannotBeWrittenIsAClearError(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write to every file; the read-only file system stands for it")
	}
	b := filled(t)
	if err := os.Chmod(b.path, 0o400); err != nil {
		t.Fatal(err)
	}
	b.fails(os.ErrPermission)
}
