//go:build !windows

package httpapi

import "syscall"

// absentErrnos say that the machine does not have an address, or none of its family.
var absentErrnos = []syscall.Errno{syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT}
