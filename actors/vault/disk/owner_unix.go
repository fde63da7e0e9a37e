//go:build unix

package disk

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// owned fails if what info is about belongs to another user than this one and root:
// that user could replace it.
func owned(info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 || int(st.Uid) == os.Geteuid() {
		return nil
	}
	return fmt.Errorf("belongs to another user (uid %d): give it to uid %d", st.Uid, os.Geteuid())
}

// ownerOf returns whose what info is about is, -1 if that is not known.
func ownerOf(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// giveTo makes f belong to whom info's file belongs to.
func giveTo(f *os.File, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) == os.Geteuid() && int(st.Gid) == os.Getegid() {
		return nil
	}
	return f.Chown(int(st.Uid), int(st.Gid))
}

// giveWay does nothing: a file that is open can be replaced, and stays locked until
// it was.
func (f *file) giveWay() error { return nil }
