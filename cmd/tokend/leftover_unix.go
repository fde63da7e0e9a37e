//go:build unix

package main

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockName is a file in a directory of files that is locked as long as its tokend exec
// lives.
const lockName = ".lock"

// leftAlone is how old a directory must be to be taken for a leftover: a younger one may
// not be locked yet.
const leftAlone = time.Minute

// holdFiles locks a directory of files until the returned file is closed.
func holdFiles(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return f, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

// sweep removes directories of files that belong to no process any more, of this user
// and in one place. It is what remains to be done where the guard was killed as well.
func sweep(place string) {
	dirs, _ := filepath.Glob(filepath.Join(place, filesPrefix+"*")) // a place that makes no pattern has none
	for _, dir := range dirs {
		if ownAndOld(dir) {
			removeIfUnlocked(dir)
		}
	}
}

func ownAndOld(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || time.Since(info.ModTime()) < leftAlone {
		return false
	}
	uid, ok := ownerOf(info)
	return ok && int(uid) == os.Geteuid()
}

// removeIfUnlocked removes a directory whose process is gone. One without a lock is of
// another version, or was made by a process that was killed at once: then it is empty.
func removeIfUnlocked(dir string) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		_ = os.Remove(dir) // only if it is empty
		return
	}
	defer func() { _ = f.Close() }()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = os.RemoveAll(dir) // the next one tries again
	}
}
