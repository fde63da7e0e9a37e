package local

import "syscall"

// adoptOrphans makes this process what process 1 is in a container: orphans become
// its children, and nobody else waits for them. It is PR_SET_CHILD_SUBREAPER of
// prctl(2).
func adoptOrphans() {
	const setChildSubreaper = 36
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		panic(errno)
	}
}
