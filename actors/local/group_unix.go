//go:build unix

package local

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// inherited are the variables that a command gets.
var inherited = []string{"PATH", "HOME", "LANG"}

// runGroup runs cmd in a process group of its own, which ends with it.
func runGroup(cmd *exec.Cmd) error {
	defer pin()()
	cmd.SysProcAttr = attributes()
	cmd.Cancel = func() error { return kill(cmd.Process.Pid) }
	if err := cmd.Start(); err != nil {
		return err
	}
	err := cmd.Wait()
	// The number of a group is not given away as long as somebody is in it. Where
	// nobody is, numbers would have to go around in no time to make it another's.
	_ = kill(cmd.Process.Pid)
	reap(cmd.Process.Pid)
	return err
}

// kill ends a process group.
func kill(group int) error {
	err := syscall.Kill(-group, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// How long orphans are waited for, which have been killed: on a busy machine they get
// to their end late, and who is not waited for then stays a zombie.
const (
	reapTries = 500
	reapPause = 2 * time.Millisecond
)

// reap waits for the members of a group that has been killed, as far as they are
// children of this process: orphans become that where it is the first process of a
// container, and nobody else would wait for them.
func reap(group int) {
	for tries := 0; tries < reapTries; {
		pid, err := syscall.Wait4(-group, nil, syscall.WNOHANG, nil)
		switch {
		case pid > 0, errors.Is(err, syscall.EINTR):
		case err != nil:
			return // there is none left
		default:
			tries++
			time.Sleep(reapPause)
		}
	}
}
