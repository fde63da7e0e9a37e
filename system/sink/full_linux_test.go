package sink

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// small moves the rig to a file system of 64 KiB, which takes root.
func (r *rig) small() {
	r.Helper()
	if err := syscall.Mount("tmpfs", r.dir, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		r.Skipf("a small file system cannot be mounted, so a full one is not tested: %v", err)
	}
	r.Cleanup(func() {
		if err := syscall.Unmount(r.dir, syscall.MNT_DETACH); err != nil {
			r.Error(err)
		}
	})
}

// remount changes the rig's file system.
func (r *rig) remount(flags uintptr) {
	r.Helper()
	if err := syscall.Mount("tmpfs", r.dir, "tmpfs", syscall.MS_REMOUNT|flags, "size=64k,mode=0700"); err != nil {
		r.Fatal(err)
	}
}

// ballast writes a file until nothing fits any more.
func (r *rig) ballast() {
	f, err := os.Create(r.path("ballast"))
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		r.Fatal(err)
	}
	_ = f.Close()
}

func TestOnAFullDiskTheOldFileStaysWhileItsTokenLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.small()
		r.put(lasting("one", time.Minute))
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.wait(time.Second)
		r.ballast()
		big := strings.Repeat("x", 8192)
		r.put(lasting(big, time.Hour))
		r.wait(59*time.Second - time.Nanosecond)
		r.holds("token", "one")
		if s := r.stat(); s.Stale || s.Failure != syscall.ENOSPC.Error() {
			t.Errorf("%+v", s)
		}
		r.wait(time.Nanosecond)
		r.holds("token", "")
		if s := r.stat(); !s.Stale || len(r.said()) != 1 || r.said()[0] != "billing token false" {
			t.Errorf("%+v, said %q", s, r.said())
		}
		if err := os.Remove(r.path("ballast")); err != nil {
			t.Fatal(err)
		}
		r.wait(retryMost)
		r.holds("token", big)
		for _, name := range r.names() {
			if strings.Contains(name, ".tokend-") {
				t.Errorf("left: %q", name)
			}
		}
	})
}

func TestAFileThatCannotBeRemovedSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.small()
		r.put(lasting("one", time.Minute))
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.wait(0)
		r.remount(syscall.MS_RDONLY)
		r.wait(time.Minute + time.Second)
		r.holds("token", "one")
		if s := r.stat(); !s.Stale || s.Failure != syscall.EROFS.Error() || len(r.said()) != 1 || r.said()[0] != "billing token true" {
			t.Errorf("%+v, said %q", s, r.said())
		}
		r.remount(0)
		r.wait(retryMost)
		r.holds("token", "")
		r.put(lasting("two", time.Minute))
		r.wait(0)
		r.holds("token", "two")
		r.remount(syscall.MS_RDONLY)
		r.keeper.Apply(nil)
		r.wait(0)
		if !strings.Contains(r.log.String(), `level=error msg="the file of a sink that has ended cannot be removed"`) {
			t.Error(r.log)
		}
	})
}
