//go:build darwin || freebsd || openbsd || netbsd

package local

import "golang.org/x/sys/unix"

// walkFlags open a directory to look at it.
const walkFlags = unix.O_RDONLY

// hasACL is not looked at here.
func hasACL(string) bool { return false }
