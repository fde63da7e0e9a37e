package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// ErrRelative says that a program is named by a path that is not absolute.
var ErrRelative = errors.New("must be an absolute path, or a name to look for in PATH")

// Program returns the absolute path of a program that can be run: name itself if
// it is one, else where PATH has it.
func Program(name string) (string, error) {
	bare := name == filepath.Base(name) && name != "." && name != ".."
	if !bare && !filepath.IsAbs(name) {
		return "", ErrRelative
	}
	path, err := exec.LookPath(name)
	switch {
	case bare && errors.Is(err, exec.ErrNotFound):
		return "", errors.New("is not in PATH: install it, or give its absolute path")
	case errors.Is(err, exec.ErrDot), err == nil && !filepath.IsAbs(path):
		return "", errors.New("is in PATH by a relative path only: give its absolute path")
	case err != nil:
		return "", startError(err)
	default:
		return path, nil
	}
}

// startError says why a command could not be started, and what to do.
func startError(err error) error {
	if e, ok := errors.AsType[*exec.Error](err); ok {
		err = e.Err
	}
	err = reason(err)
	hint := ""
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		hint = ": is it installed, and its path right?"
	case errors.Is(err, fs.ErrPermission):
		hint = ": the user that this process runs as must be allowed to execute it"
	case errors.Is(err, syscall.ENOEXEC):
		hint = ": a script needs a first line that names its interpreter"
	}
	return fmt.Errorf("cannot be run: %w%s", err, hint)
}

// Environment returns the variables of this process that a command gets, as
// NAME=VALUE: PATH, HOME and LANG, as far as they are set. Where there is no HOME,
// it gets what stands for it.
func Environment() []string {
	env := make([]string, 0, len(inherited)) // not nil, which would mean everything
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
