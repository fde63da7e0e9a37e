//go:build unix

package disk

import (
	"os"
	"syscall"
)

// release gives up bbolt's lock: closing the file does not while it is mapped.
func release(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
