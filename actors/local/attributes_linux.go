package local

import (
	"runtime"
	"syscall"
)

// attributes has the command end with this process, too, however that ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// pin keeps the thread that starts a command until the returned function is
// called: for Linux the parent of a command is that thread, and a thread ends when
// a goroutine that has locked it does.
func pin() func() {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}
