//go:build unix

package audit

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

const noFollow = syscall.O_NOFOLLOW

// owned refuses a file of another user, who may do with it what they want, and one that
// has other names: where everyone may add names, another's file can be given this one.
func owned(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return nil
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to another user (uid %d): give it to uid %d", path, st.Uid, os.Geteuid())
	case st.Nlink > 1:
		return fmt.Errorf("%s has a second name (a hard link): name a file of its own", path)
	default:
		return nil
	}
}
