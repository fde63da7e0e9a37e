//go:build linux || darwin || freebsd || openbsd || netbsd

package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// mostLinks is how many symbolic links a way may lead over, as for the kernel.
const mostLinks = 40

// walker goes a way part by part. Each part is opened in the one before, and looked at
// when it is open: what others do to the path meanwhile changes nothing.
type walker struct {
	judge observer
	at    *os.File
	path  string // of at, without links
	info  fs.FileInfo
	weak  []Weakness
	shut  bool // one of them lets in only its owner
	roots bool // all of them belong to root
	links int
}

// WalkFar looks at a directory and at every directory on the way to it, as far as there
// are any. Links are followed as long as only root and this user can have put them there:
// behind the first directory that others can change, one is a [LinkError]. The other
// errors are those of the file system, without a path.
func WalkFar(path string) (*Directory, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	w := &walker{roots: true}
	if err := w.restart(); err != nil {
		return nil, err
	}
	err = w.walk(split(path))
	short := errors.Is(err, fs.ErrNotExist)
	if err != nil && !short {
		_ = w.at.Close() // it was only looked at
		return nil, reason(err)
	}
	return &Directory{Path: w.path, Info: w.info, Weak: w.weak, Roots: w.roots, Closed: w.shut, Short: short, held: w.at}, nil
}

func split(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(part string) bool { return part == "" || part == "." })
}

// restart begins at the root directory. Whose that is can change every way.
func (w *walker) restart() error {
	root, err := os.OpenFile("/", walkFlags|syscall.O_DIRECTORY, 0)
	if err != nil {
		return reason(err)
	}
	info, err := root.Stat()
	if err != nil {
		return errors.Join(reason(err), root.Close())
	}
	w.judge = observer{trusted: []uint32{0, uint32(os.Geteuid()), ownerOf(info)}, private: isPrivate}
	return w.enter(root, "/")
}

func ownerOf(info fs.FileInfo) uint32 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Uid
	}
	return ^uint32(0)
}

// enter makes next the directory that was reached.
func (w *walker) enter(next *os.File, path string) error {
	info, err := next.Stat()
	st, ok := (*syscall.Stat_t)(nil), false
	if err == nil {
		st, ok = info.Sys().(*syscall.Stat_t)
	}
	if !ok {
		return errors.Join(err, next.Close())
	}
	if w.at != nil {
		_ = w.at.Close() // it was only looked at
	}
	w.at, w.path, w.info = next, path, info
	w.roots = w.roots && st.Uid == 0
	w.shut = w.shut || info.Mode().Perm()&0o011 == 0
	found, weak := w.judge.weakness(Weakness{Path: path, Mode: info.Mode(), UID: st.Uid, GID: st.Gid})
	if info.Mode().Perm()&0o020 != 0 && info.Mode()&fs.ModeSticky == 0 && hasACL(path) {
		found.Group, weak = true, true // the bits of the group are then those of whoever it names
	}
	if weak && !slices.ContainsFunc(w.weak, func(o Weakness) bool { return o.Path == path }) {
		w.weak = append(w.weak, found)
	}
	return nil
}

func (w *walker) walk(parts []string) error {
	for len(parts) > 0 {
		target, err := w.step(parts[0])
		if err != nil {
			return err
		}
		parts = slices.Concat(split(target), parts[1:])
	}
	return nil
}

// step enters a directory, or returns what a link in its place leads to.
func (w *walker) step(name string) (target string, err error) {
	path := filepath.Join(w.path, name)
	fd, err := unix.Openat(int(w.at.Fd()), name, walkFlags|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == nil {
		return "", w.enter(os.NewFile(uintptr(fd), path), path)
	}
	if !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, syscall.ELOOP) {
		return "", err
	}
	target, failed := w.link(name)
	if failed != nil || target == "" {
		return "", err // there is no directory, and no link
	}
	if w.links++; w.links > mostLinks {
		return "", syscall.ELOOP
	}
	if len(w.weak) > 0 || !w.ours(name) {
		return "", &LinkError{path}
	}
	if filepath.IsAbs(target) {
		return target, w.restart()
	}
	return target, nil
}

func (w *walker) link(name string) (string, error) {
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(w.at.Fd()), name, text)
	return string(text[:max(n, 0)]), err
}

// ours reports whether no one else can have put a link where it is: in a sticky
// directory everyone may, and owns it then.
func (w *walker) ours(name string) bool {
	if w.info.Mode()&fs.ModeSticky == 0 || w.info.Mode().Perm()&0o022 == 0 {
		return true
	}
	var st unix.Stat_t
	err := unix.Fstatat(int(w.at.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && slices.Contains(w.judge.trusted, st.Uid)
}
