package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"tokend/actors/local"
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
	switch scheme {
	case "env":
		return s.variable(name)
	case "file":
		return s.file(name)
	default:
		return "", errExecHere
	}
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
	text, err := local.ReadFile(s.path(path), maxText)
	if err != nil {
		return "", err
	}
	return newline(string(text)), nil
}

// path returns path as seen from the source's directory.
func (s *source) path(path string) string {
	if path == "" || s.dir == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.dir, path)
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
