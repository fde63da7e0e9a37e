//go:build !linux && !darwin && !freebsd && !openbsd && !netbsd

package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// WalkFar looks at a directory. Nothing is known here of who can change it.
func WalkFar(path string) (*Directory, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Directory{Path: path, Short: true}, nil
	}
	if err != nil {
		return nil, reason(err)
	}
	if !info.IsDir() {
		return nil, syscall.ENOTDIR
	}
	return &Directory{Path: path, Info: info}, nil
}
