//go:build unix

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// directoryOwner returns whose the directory is that path lies in.
func directoryOwner(path string) (uint32, bool) {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return 0, false
	}
	return ownerOf(info)
}

func ownerOf(info fs.FileInfo) (uint32, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return stat.Uid, true
}

// rootAlone reports whether root alone can change the directory that path lies in, and
// what leads there, links included.
func rootAlone(path string) bool {
	dir := filepath.Dir(path)
	behind, err := filepath.EvalSymlinks(dir)
	return err == nil && rootsOwn(dir, true) && rootsOwn(behind, true)
}

// rootsOwn looks at dir and at all above it. In a sticky directory above, others can
// add names, but not take root's away.
func rootsOwn(dir string, last bool) bool {
	info, err := os.Lstat(dir)
	if err != nil {
		return false
	}
	const others = fs.FileMode(0o022)
	owner, known := ownerOf(info)
	link := info.Mode()&fs.ModeSymlink != 0
	writable := !link && info.Mode()&others != 0 && (last || info.Mode()&fs.ModeSticky == 0)
	if !known || owner != 0 || writable {
		return false
	}
	above := filepath.Dir(dir)
	return above == dir || rootsOwn(above, false)
}
