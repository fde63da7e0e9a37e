package local

import (
	"syscall"
	"testing"
)

// subreaper makes this process what process 1 is in a container: orphans become
// its children. It is PR_SET_CHILD_SUBREAPER of prctl(2).
func subreaper(t *testing.T, on uintptr) {
	t.Helper()
	const setChildSubreaper = 36
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, setChildSubreaper, on, 0); errno != 0 {
		t.Fatal(errno)
	}
}

// Nobody but the first process of a container waits for what its commands leave
// behind: dead processes would pile up.
func TestNoZombieStays(t *testing.T) {
	subreaper(t, 1)
	defer subreaper(t, 0)
	got, err := this("leave").Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if pid := pidIn(t, got.Stdout); alive(t, pid) {
		t.Errorf("%d is still there", pid)
	}
}
