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
