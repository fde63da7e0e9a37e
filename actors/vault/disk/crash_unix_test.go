//go:build unix

package disk

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"tokend/actors/vault"
)

// cut takes the pages of the file away under whoever has it open, as a disk does
// that cannot read them, and returns what gives them back.
func (b *bench) cut() (mend func()) {
	b.Helper()
	whole, err := os.ReadFile(b.path)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.Truncate(b.path, 0); err != nil {
		b.Fatal(err)
	}
	return func() {
		if err := os.WriteFile(b.path, whole, 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

// soon returns a context that is long enough for all but a lock that is never free.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (b *bench) wantBroken(s *Store, ctx context.Context) {
	b.Helper()
	if err := s.Flush(ctx); !errors.Is(err, errBroken) {
		b.Errorf("Flush: %v", err)
	}
	if h := s.Health(); !h.Degraded || h.Unsaved == 0 {
		b.Errorf("health %+v", h)
	}
}

func TestPagesThatCannotBeReadBlockNobodyAndHeal(t *testing.T) {
	b := newBench(t)
	s := b.open()
	s.Save(b.record("billing", 1, "token", "state"))
	if err := s.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	mend := b.cut()
	s.Save(b.record("erp", 1, "other", ""))
	for range 3 { // the first crashes; the others must not wait for what that left locked
		b.wantBroken(s, soon(t))
	}
	b.want(s, "erp", "other", "")
	if _, err := s.Load(vault.Key{Service: "billing"}); !errors.Is(err, errBroken) {
		t.Errorf("Load: %v", err)
	}
	mend()
	if err := s.Flush(soon(t)); err != nil {
		t.Fatalf("it does not heal: %v", err)
	}
	if h := s.Health(); h.Degraded || h.Unsaved != 0 {
		t.Errorf("health %+v", h)
	}
	if _, err := Open(b.options()); !errors.Is(err, errBusy) {
		t.Errorf("a second node: %v", err)
	}
	b.want(s, "billing", "token", "state")
	b.close(s)
	s = b.open()
	b.want(s, "billing", "token", "state")
	b.want(s, "erp", "other", "")
	b.close(s)
}

// A fault as a reading transaction begins leaves locks taken as well.
func TestAReadThatCrashesBlocksNobody(t *testing.T) {
	b := newBench(t)
	s := b.open()
	mend := b.cut()
	for range 3 {
		if _, err := s.Load(vault.Key{Service: "billing"}); !errors.Is(err, errBroken) {
			t.Errorf("Load: %v", err)
		}
	}
	mend()
	s.Save(b.record("billing", 1, "token", ""))
	if err := s.Flush(soon(t)); err != nil {
		t.Errorf("Flush: %v", err)
	}
	b.close(s)
}

func TestAStoreWithoutItsPagesCloses(t *testing.T) {
	b := newBench(t)
	s := b.open()
	mend := b.cut()
	s.Save(b.record("billing", 1, "token", ""))
	b.wantBroken(s, soon(t))
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	select {
	case err := <-closed:
		if !errors.Is(err, errBroken) {
			t.Errorf("Close: %v", err)
		}
	case <-soon(t).Done():
		t.Fatal("Close waits for ever")
	}
	mend()
	b.close(b.open()) // the lock is free
}

// What stands there when the pages can be read again must be the same vault.
func TestAnotherVaultInTheFileIsNotWrittenTo(t *testing.T) {
	b, other := newBench(t), newBench(t)
	other.close(other.open())
	foreign, err := os.ReadFile(other.path)
	if err != nil {
		t.Fatal(err)
	}
	s := b.open()
	b.cut()
	s.Save(b.record("billing", 1, "token", ""))
	b.wantBroken(s, soon(t))
	if err := os.WriteFile(b.path, foreign, 0o600); err != nil {
		t.Fatal(err)
	}
	b.wantBroken(s, soon(t))
	b.wantBroken(s, soon(t))
	if err := s.Close(); !errors.Is(err, errBroken) {
		t.Errorf("Close: %v", err)
	}
	other.path = b.path
	other.close(other.open())
}

func TestACrashWhileRecordsAreWrittenEndsTheUseOfTheFile(t *testing.T) {
	b := newBench(t)
	s, err := open(b.options())
	if err != nil {
		t.Fatal(err)
	}
	s.update = func(func(*bbolt.Tx) error) error { panic("a page is freed twice") }
	go s.run()
	s.Save(b.record("billing", 1, "token", ""))
	if err := s.Flush(soon(t)); !errors.Is(err, errBroken) {
		t.Errorf("Flush: %v", err)
	}
	if err := s.Flush(soon(t)); err != nil { // opened anew
		t.Errorf("Flush: %v", err)
	}
	b.want(s, "billing", "token", "")
	b.close(s)
}
