package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// Weakness is a directory on a way that others can change: users besides root and the
// one this process runs as. They could put another one into its place, or other files
// into it.
type Weakness struct {
	Path string
	Mode fs.FileMode
	UID  uint32 // owner
	GID  uint32

	Owner    bool // the owner is another user
	Group    bool // its group can write to it
	Everyone bool // everyone can
}

// String says who can change the directory.
func (w Weakness) String() string {
	switch mode := octal(w.Mode); {
	case w.Everyone:
		return fmt.Sprintf("everyone can write to %s (mode %s)", w.Path, mode)
	case w.Owner:
		return fmt.Sprintf("%s belongs to another user (uid %d)", w.Path, w.UID)
	default:
		return fmt.Sprintf("group %d can write to %s (mode %s)", w.GID, w.Path, mode)
	}
}

// octal writes a mode as chmod takes it.
func octal(mode fs.FileMode) string {
	bits := mode.Perm()
	for i, special := range []fs.FileMode{fs.ModeSticky, fs.ModeSetgid, fs.ModeSetuid} {
		if mode&special != 0 {
			bits |= 1 << (9 + i)
		}
	}
	return fmt.Sprintf("%#o", uint32(bits))
}

// But returns the weakness that is left if a user and a group are trusted too (-1: no
// user, no group), and whether one is left.
func (w Weakness) But(uid, gid int) (Weakness, bool) {
	w.Owner = w.Owner && int64(w.UID) != int64(uid)
	w.Group = w.Group && int64(w.GID) != int64(gid)
	return w, w.Owner || w.Group || w.Everyone
}

// ExposedError says that others can change the directory that a file is to be in.
type ExposedError struct{ Weak Weakness }

// Error says who can, and where.
func (e *ExposedError) Error() string { return "others can change its directory: " + e.Weak.String() }

// LinkError says that a way leads over a symbolic link that others could have put there.
type LinkError struct{ Path string }

// Error names the link.
func (e *LinkError) Error() string {
	return e.Path + " is a symbolic link in a directory that others can change, and is not followed"
}

// ErrMoved says that a path does not lead to the directory any more that was looked at.
var ErrMoved = errors.New("the directory was replaced while it was looked at")

// Directory is a directory and the way to it, as [WalkFar] has found them.
type Directory struct {
	Path string      // without symbolic links
	Info fs.FileInfo // of the directory
	Weak []Weakness  // what others can change on the way and of the directory itself, from the root on

	// Roots says that it and every directory on the way belong to root.
	Roots bool
	// Closed says that a directory on the way, or this one, lets in only its owner.
	Closed bool
	// Short says that the directory is not there. The others tell of the last one on the
	// way that is.
	Short bool

	held *os.File // keeps its number from being another's
}

// Close lets go of the directory.
func (d *Directory) Close() error {
	if d.held == nil {
		return nil
	}
	return d.held.Close()
}

// Safe returns an [ExposedError] if others can change the directory or the way to it.
func (d *Directory) Safe() error {
	if len(d.Weak) == 0 {
		return nil
	}
	return &ExposedError{d.Weak[0]}
}

// Root opens the directory that was looked at, whatever has become of the path.
func (d *Directory) Root() (*os.Root, error) {
	root, err := os.OpenRoot(d.Path)
	if err != nil {
		return nil, reason(err)
	}
	if d.held == nil { // nothing is known of it here
		return root, nil
	}
	if info, err := root.Stat("."); err != nil || !os.SameFile(info, d.Info) {
		return nil, errors.Join(ErrMoved, root.Close())
	}
	return root, nil
}

// Safe looks at a directory, and lets go of it. It fails if others can change it or the
// way to it, see [ExposedError], or if it is not there; the way to there must be safe then.
func Safe(path string) error {
	d, err := WalkFar(path)
	if err != nil {
		return err
	}
	err = d.Safe()
	if err == nil && d.Short {
		err = fs.ErrNotExist
	}
	return errors.Join(err, d.Close())
}

// RootAlone reports whether root alone can change a directory and the way to it.
func RootAlone(path string) bool {
	d, err := Walk(path)
	if err != nil {
		return false
	}
	defer func() { _ = d.Close() }() // it was only looked at
	const others = 0o022             // in a sticky directory, too, they can add files
	return d.Roots && len(d.Weak) == 0 && d.Info.Mode().Perm()&others == 0
}

// Walk is [WalkFar] to a directory that must be there.
func Walk(path string) (*Directory, error) {
	d, err := WalkFar(path)
	if err == nil && d.Short {
		return nil, errors.Join(syscall.ENOENT, d.Close())
	}
	return d, err
}

// observer says who can change a directory.
type observer struct {
	trusted []uint32              // root, this user, and whose the root directory is
	private func(gid uint32) bool // no one but those is in the group
}

// weakness returns what others can change of a directory, and whether that is anything.
// In a sticky one each may change what is their own.
func (o observer) weakness(w Weakness) (Weakness, bool) {
	const group, everyone = 0o020, 0o002
	open := w.Mode.Perm()
	if w.Mode&fs.ModeSticky != 0 {
		open = 0
	}
	w.Owner = !slices.Contains(o.trusted, w.UID)
	w.Everyone = open&everyone != 0
	w.Group = open&group != 0 && !o.private(w.GID)
	return w, w.Owner || w.Everyone || w.Group
}
