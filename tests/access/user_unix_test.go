//go:build unix

package access

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// asUser makes cmd run as another user, which only root can.
func asUser(cmd *exec.Cmd, uid, gid uint32) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
}

// needRoot skips what needs processes of other users, and says so.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can start processes of other users; run the tests as root too")
	}
}

// needDescriptors skips what needs more open files than may be had, and says so.
func needDescriptors(t *testing.T, count uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) < count {
		t.Skipf("NOT TESTED: %d open files are needed, and %d may be had (%v)", count, limit.Cur, err)
	}
}
