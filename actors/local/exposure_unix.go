//go:build linux || darwin || freebsd || openbsd || netbsd

package local

import (
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// file notes who else can change or read the file itself.
func (e *Exposure) file(path string, info fs.FileInfo, hidden bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	mode := info.Mode()
	self := observer{trusted: []uint32{0, uint32(os.Geteuid())}, private: isPrivate}
	w := Weakness{Path: path, Mode: mode &^ fs.ModeSticky, UID: st.Uid, GID: st.Gid}
	if w, weak := self.weakness(w); weak {
		e.Write = append(e.Write, w)
	}
	const group, everyone = 0o040, 0o004
	switch {
	case mode.Perm()&everyone != 0:
		e.Read = &Readers{Path: path, Mode: mode, GID: st.Gid, Everyone: true, Hidden: hidden}
	case mode.Perm()&group != 0 && !inGroup(st.Gid) && !isPrivate(st.Gid):
		e.Read = &Readers{Path: path, Mode: mode, GID: st.Gid, Hidden: hidden}
	}
}

// inGroup reports whether this process is in a group: that it may read is what others
// have given it for.
func inGroup(gid uint32) bool {
	groups, err := os.Getgroups()
	return int(gid) == os.Getegid() || err == nil && slices.Contains(groups, int(gid))
}
