package main

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// noCoreDumps sets the limit that the kernel keeps, which cannot be raised again, and
// makes the process one whose memory no other process of the same user may read:
// not by ptrace(2), nor by /proc/PID/mem. The kernel then hands no core dump to a
// program either, whatever limit that heeds. The files of /proc/PID belong to root
// after that; the process itself still gets at its own.
func noCoreDumps() error {
	var errs []error
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		errs = append(errs, fmt.Errorf("RLIMIT_CORE: %w", err))
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		errs = append(errs, fmt.Errorf("PR_SET_DUMPABLE: %w", err))
	}
	return errors.Join(errs...)
}
