package sink

import (
	"errors"
	"io/fs"
	"os"

	"tokend/actors/local"
)

var errTurned = errors.New("its directory is not the one that was checked, and others can change the way to it: put the old one back, or restart the node to accept it")

// exposure returns what others can change of the way to a directory, but for the owner of
// the sink, nil for nothing.
func exposure(at *local.Directory, o owner) error {
	for _, weak := range at.Weak {
		if weak, others := weak.But(o.ids()); others {
			return &local.ExposedError{Weak: weak}
		}
	}
	return nil
}

// openDir opens the directory. Where others can change the way to it, it must be the one
// that was checked first: they could have put another of this user's in its place, and
// have the file written there.
func (f *file) openDir() (*os.Root, error) {
	at, err := local.Walk(f.dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = at.Close() }() // it was only looked at
	if f.checked != nil && !os.SameFile(f.checked, at.Info) && !f.mayFollow(at) {
		return nil, errTurned
	}
	dir, err := at.Root()
	if err == nil {
		f.checked = at.Info
	}
	return dir, err
}

// mayFollow reports whether a directory that has come into the place of another one may be
// written to: root or this user has put it there, or else the sink's owner, whose it is and
// who gets the file.
func (f *file) mayFollow(at *local.Directory) bool {
	return len(at.Weak) == 0 || f.owner.owns(at.Info) && exposure(at, f.owner) == nil
}

// inDir calls do with the directory, as it is now, and whatever becomes of its path
// meanwhile.
func (f *file) inDir(do func(dir *os.Root) error) error {
	dir, err := f.openDir()
	if err != nil {
		return plain(err)
	}
	err = do(dir)
	return plain(errors.Join(err, dir.Close()))
}

// check looks whether the file can be in its directory, which it remembers.
func (s *Sink) check(at *local.Directory) error {
	for _, weak := range at.Weak {
		if weak.Path == at.Path && weak.Everyone && !s.spec.TrustDirectory {
			return &KeyError{"path", "everyone can write to its directory, and could put another token there; trust_directory: true permits it"}
		}
	}
	s.checked = at.Info
	if err := exposure(at, s.owner); err != nil && !s.spec.TrustDirectory {
		s.exposed = err
	}
	return nil
}

// Exposed returns who else can change the directory of the file, or the way to it, as it
// was when [Sink.Place] looked: they could put another token there. It is nil if there is
// no one but root, the user of this process and the file's owner.
func (s *Sink) Exposed() error { return s.exposed }

// wayTo walks to a directory, and says as a mistake in path what keeps it from that.
func wayTo(dir string) (*local.Directory, error) {
	at, err := local.Walk(dir)
	_, link := errors.AsType[*local.LinkError](err)
	switch {
	case err == nil:
		return at, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, &KeyError{"path", "its directory does not exist: create it with the owner and mode you want (tokend does not)"}
	case link:
		return nil, &KeyError{"path", err.Error() + ": write the path without it"}
	default:
		return nil, &KeyError{"path", "its directory: " + plain(err).Error()}
	}
}
