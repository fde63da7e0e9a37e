package sink

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Place says what is wrong with where the file is to be, as the machine stands now,
// without writing anything. The error is a [*KeyError].
func (s *Sink) Place() error {
	if err := s.owner.permitted(); err != nil {
		return &KeyError{"owner", err.Error()}
	}
	dir, err := os.Stat(filepath.Dir(s.spec.Path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &KeyError{"path", "its directory does not exist, and is not made: whose it is to be, and who may read it, is for you to say"}
	case err != nil:
		return &KeyError{"path", "its directory: " + plain(err).Error()}
	case !dir.IsDir():
		return &KeyError{"path", "is not in a directory"}
	case dir.Mode().Perm()&0o002 != 0 && dir.Mode()&fs.ModeSticky == 0 && runtime.GOOS != "windows" && !s.spec.TrustDirectory:
		return &KeyError{"path", "its directory may be written by everybody, who could put another token there; trust_directory: true permits it"}
	}
	if info, err := os.Lstat(s.spec.Path); err == nil && info.IsDir() {
		return &KeyError{"path", "is a directory"}
	}
	return nil
}
