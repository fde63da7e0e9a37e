//go:build !unix

package sink

import (
	"errors"
	"os"
)

// owner is whom a file belongs to. This platform knows no other than the process's.
type owner struct{}

// nobody changes nothing.
var nobody = owner{}

func parseOwner(text string) (owner, error) {
	if text != "" {
		return nobody, errors.New("cannot be set on this platform")
	}
	return nobody, nil
}

func (owner) give(f *os.File, mode os.FileMode) error { return f.Chmod(mode) }
func (owner) has(os.FileInfo) bool                    { return true }
func (owner) owns(os.FileInfo) bool                   { return true }
func (owner) ids() (uid, gid int)                     { return -1, -1 }
func own(os.FileInfo) bool                            { return true }
func (owner) permitted() error                        { return nil }

// syncDir does nothing: this platform cannot sync a directory.
func syncDir(*os.Root) error { return nil }
