package local

import "golang.org/x/sys/unix"

// walkFlags open a directory that need not be readable to be passed through.
const walkFlags = unix.O_PATH

// hasACL reports whether a list names users who may do something to a directory, besides
// its owner and group.
func hasACL(path string) bool {
	n, err := unix.Lgetxattr(path, "system.posix_acl_access", nil)
	return err == nil && n > 0
}
