package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"tokend/actors/local"
)

const fileMode = 0o600

// place is where the lines go.
type place struct {
	path  string
	trust bool // whoever can change the directory
}

// Judge says what is wrong with the file at path, as the machine stands now, without
// making it.
func Judge(path string, trust bool) error {
	p := place{path, trust}
	if err := p.safe(); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return p.isLink()
	default:
		return p.judge(info)
	}
}

// open opens the file. It follows no link to it, and does not wait for the other end of
// a pipe.
func (p place) open() (*os.File, error) {
	if err := p.safe(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(p.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK|noFollow, fileMode)
	if errors.Is(err, syscall.ELOOP) {
		return nil, p.isLink()
	}
	if errors.Is(err, syscall.ENXIO) { // a pipe without a reader, or a socket
		return nil, p.isNoFile()
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = p.judge(info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (p place) isLink() error {
	return fmt.Errorf("%s is a symbolic link, which is not followed: name the file itself", p.path)
}

func (p place) isNoFile() error { return fmt.Errorf("%s is not a regular file", p.path) }

// safe refuses a directory that others can change: they could have lines go elsewhere.
func (p place) safe() error {
	if p.trust {
		return nil
	}
	err := local.Safe(filepath.Dir(p.path))
	if exposed, others := errors.AsType[*local.ExposedError](err); others {
		return fmt.Errorf("%w: let only root and this user change it, or set audit.trust_directory", exposed)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Dir(p.path), err)
	}
	return nil
}

// judge refuses what is no regular file, and one that others may read or write.
func (p place) judge(info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return p.isNoFile()
	case runtime.GOOS != "windows" && info.Mode().Perm()&^fileMode != 0:
		return fmt.Errorf("others may use %s (mode %#o): make it 0600", p.path, info.Mode().Perm())
	default:
		return owned(p.path, info)
	}
}

// endsTorn reports whether the last line of the file has no end, because its writer was
// killed. The next line must not be taken for the rest of it.
func (p place) endsTorn() bool {
	f, err := os.Open(p.path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was only read
	last := make([]byte, 1)
	if _, err := f.Seek(-1, io.SeekEnd); err != nil { // such as of an empty file
		return false
	}
	_, err = io.ReadFull(f, last)
	return err == nil && last[0] != '\n'
}
