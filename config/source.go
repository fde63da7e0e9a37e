package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// source is where references are resolved. It is immutable and shared by all
// texts of a configuration.
type source struct {
	dir    string                      // where relative paths start; empty: the working directory
	lookup func(string) (string, bool) // finds a variable; nil: the process's environment
}

// process resolves what Go literals refer to.
var process = &source{}

// value returns what a reference stands for.
func (s *source) value(scheme, name string) (string, error) {
	if scheme == "env" {
		return s.variable(name)
	}
	return s.file(name)
}

func (s *source) variable(name string) (string, error) {
	lookup := s.lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, ok := lookup(name)
	if !ok {
		return "", errors.New("not set")
	}
	return value, nil
}

// file returns a file's text without the newline that most editors end it with.
func (s *source) file(path string) (string, error) {
	text, err := readFile(s.path(path), maxText)
	if err != nil {
		return "", err
	}
	if line, ok := strings.CutSuffix(string(text), "\n"); ok {
		return strings.TrimSuffix(line, "\r"), nil
	}
	return string(text), nil
}

// path returns path as seen from the source's directory.
func (s *source) path(path string) string {
	if path == "" || s.dir == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.dir, path)
}

var errNoFile = errors.New("not a regular file")

// readFile reads a regular file of at most limit bytes. It opens nothing else that
// it can avoid to open, and without waiting: opening a pipe might never return.
// Its errors do not name the file.
func readFile(path string, limit int64) ([]byte, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, reason(err)
	} else if !info.Mode().IsRegular() {
		return nil, errNoFile
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, reason(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	return readAll(f, limit)
}

// readAll reads f if it is a regular file, whatever its path led to before.
func readAll(f *os.File, limit int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, reason(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errNoFile
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, reason(err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("larger than %d MiB", limit>>20)
	}
	return text, nil
}

// reason strips operation and path, which whoever asked knows.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// environment returns a look-up in what environ lists.
func environment(environ func() []string) func(string) (string, bool) {
	if environ == nil {
		return nil
	}
	return func(name string) (string, bool) {
		for _, entry := range environ() {
			if key, value, ok := strings.Cut(entry, "="); ok && key == name {
				return value, true
			}
		}
		return "", false
	}
}
