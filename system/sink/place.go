package sink

import (
	"os"
	"path/filepath"
)

// Place says what is wrong with where the file is to be, as the machine stands now,
// without writing anything. The error is a [*KeyError]. It is to be called before the
// sink is kept, if at all: the directory that it has found is the one that is written to.
func (s *Sink) Place() error {
	if err := s.owner.permitted(); err != nil {
		return &KeyError{"owner", err.Error()}
	}
	at, err := wayTo(filepath.Dir(s.spec.Path))
	if err != nil {
		return err
	}
	defer func() { _ = at.Close() }() // it was only looked at
	if err := s.check(at); err != nil {
		return err
	}
	if info, err := os.Lstat(s.spec.Path); err == nil && info.IsDir() {
		return &KeyError{"path", "is a directory"}
	}
	return nil
}
