package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Exposure says who else than root and this user can do something with a file.
type Exposure struct {
	Write []Weakness // who can change it, or put another one into its place
	Read  *Readers   // who can read it; nil: no one else
}

// Readers are who can read a file.
type Readers struct {
	Path     string
	Mode     fs.FileMode
	GID      uint32
	Everyone bool // else the group
	Hidden   bool // a directory on the way lets in only its owner
}

// String says who can read the file.
func (r *Readers) String() string {
	if r.Everyone {
		return fmt.Sprintf("everyone can read %s (mode %s)", r.Path, octal(r.Mode))
	}
	return fmt.Sprintf("group %d can read %s (mode %s)", r.GID, r.Path, octal(r.Mode))
}

// Examine looks at a file that may be a link, at what that leads to, and at the ways to
// both. Nothing is read. Its errors are those of the file system, and a [LinkError].
func Examine(path string) (Exposure, error) {
	var found Exposure
	way, err := Walk(filepath.Dir(path))
	if err != nil {
		return found, err
	}
	found.Write = way.Weak
	hidden := way.Closed
	err = way.Close()
	target, failed := filepath.EvalSymlinks(path)
	if err = errors.Join(err, failed); err != nil {
		return found, reason(err)
	}
	if behind := filepath.Dir(target); behind != way.Path {
		if way, err = Walk(behind); err != nil {
			return found, err
		}
		found.Write, hidden = append(found.Write, way.Weak...), hidden || way.Closed
		err = way.Close()
	}
	info, failed := os.Stat(target)
	if err = errors.Join(err, failed); err != nil {
		return found, reason(err)
	}
	found.file(path, info, hidden)
	return found, nil
}
