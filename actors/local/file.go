package local

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// ErrNotRegular says that a path leads to something else than a regular file.
var ErrNotRegular = errors.New("not a regular file")

// SizeError says that a file holds more than whoever read it wanted.
type SizeError struct{ Limit int64 }

// Error names the bound.
func (e *SizeError) Error() string {
	if e.Limit >= 1<<20 && e.Limit%(1<<20) == 0 {
		return fmt.Sprintf("larger than %d MiB", e.Limit>>20)
	}
	return fmt.Sprintf("larger than %d bytes", e.Limit)
}

// File is what a regular file held.
type File struct {
	Text     []byte
	Modified time.Time // when it was last written, before it was read
}

// ReadFile returns the text that [Read] does.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := Read(path, limit)
	return f.Text, err
}

// Read reads a regular file of at most limit bytes. It opens nothing else that it
// can avoid to open, and without waiting: opening a pipe might never return. Its
// errors do not name the file; those of the file system can be told by errors.Is.
func Read(path string, limit int64) (File, error) {
	if info, err := os.Stat(path); err != nil {
		return File{}, reason(err)
	} else if !info.Mode().IsRegular() {
		return File{}, ErrNotRegular
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return File{}, reason(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	return readAll(f, limit)
}

// readAll reads f if it is a regular file, whatever its path led to before.
func readAll(f *os.File, limit int64) (File, error) {
	info, err := f.Stat()
	if err != nil {
		return File{}, reason(err)
	}
	if !info.Mode().IsRegular() {
		return File{}, ErrNotRegular
	}
	if info.Size() > limit {
		return File{}, &SizeError{limit}
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return File{}, reason(err)
	}
	if int64(len(text)) > limit {
		return File{}, &SizeError{limit}
	}
	return File{text, info.ModTime()}, nil
}

// reason strips operation and path, which whoever asked knows.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
