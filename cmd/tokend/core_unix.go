//go:build unix && !linux

package main

import "syscall"

// noCoreDumps sets the limit that the kernel keeps, and tells those programs that
// it hands core dumps to. It cannot be raised again.
func noCoreDumps() error {
	return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}
