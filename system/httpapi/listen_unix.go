//go:build unix

package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"tokend/actors/local"
)

const (
	socketMode = 0o600
	// probeTimeout is far longer than a connect to a local socket takes.
	probeTimeout = 2 * time.Second
)

func listenUnix(ctx context.Context, path string, e Endpoint) (net.Listener, error) {
	if err := checkDirectory(filepath.Dir(path), e.TrustDirectory); err != nil {
		return nil, err
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	s, err := makeSocket(ctx, path, e)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.lock = lock
	if err := s.open(e); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// makeSocket binds a socket. One for another group is for its owner alone at first: the
// mode must not hold for the wrong group even for a moment.
func makeSocket(ctx context.Context, path string, e Endpoint) (*socket, error) {
	if err := clearSocket(ctx, path); err != nil {
		return nil, err
	}
	bind := bindPrivate
	if e.Group == "" {
		bind = func(ctx context.Context, path string) (*net.UnixListener, error) {
			return bindWith(ctx, path, e.mode())
		}
	}
	l, err := bind(ctx, path)
	if err != nil {
		return nil, explainUnix(err, path)
	}
	l.SetUnlinkOnClose(false)
	return &socket{UnixListener: l, path: path}, nil
}

// bindPrivate makes a socket that only its owner can open.
func bindPrivate(ctx context.Context, path string) (*net.UnixListener, error) {
	return bindWith(ctx, path, socketMode)
}

// checkDirectory refuses a directory that others can change, unless they are trusted:
// they could put another socket into the place of the node's.
func checkDirectory(dir string, trust bool) error {
	err := local.Safe(dir)
	exposed, others := errors.AsType[*local.ExposedError](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no directory %s; make it, for the user tokend runs as", dir)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s is not a directory", dir)
	case others && trust:
		return nil
	case others:
		return fmt.Errorf("%w; use one that only root and the user tokend runs as can change, or set trust_directory: true", exposed)
	default:
		return err
	}
}

// clearSocket removes a socket that nobody listens on any more.
func clearSocket(ctx context.Context, path string) error {
	found, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explainUnix(err, path)
	}
	if found.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is not a socket; it is not replaced: move it away or choose another path", path)
	}
	if err := abandoned(ctx, path); err != nil {
		return err
	}
	// Somebody may have replaced it since; theirs stays.
	if now, err := os.Lstat(path); err != nil || !os.SameFile(found, now) {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explainUnix(err, path)
	}
	return nil
}

// abandoned returns nil only if it is certain that nobody listens: the kernel
// refuses the connection. No permission, or a full backlog, is no such answer.
func abandoned(ctx context.Context, path string) error {
	dialer := net.Dialer{Timeout: probeTimeout}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close()
		return errors.New("somebody listens there already; stop it or choose another path")
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("cannot tell whether somebody still listens there, so it is not replaced: %w", err)
}

func explainUnix(err error, path string) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission to make a socket in %s; give the directory to the user tokend runs as", filepath.Dir(path))
	case errors.Is(err, syscall.EADDRINUSE):
		return errors.New("somebody made the same socket just now; stop it or choose another path")
	default:
		return err
	}
}

// socket is a Unix listener that cleans up after itself.
type socket struct {
	*net.UnixListener
	path   string
	made   os.FileInfo // to know it again; with the group that it had first
	group  string      // that it was given
	lock   io.Closer   // released when the socket is gone
	closed atomic.Bool
}

// open gives the socket its group, and then the mode as far as it has not got that from
// bindWith.
func (s *socket) open(e Endpoint) error {
	made, err := os.Lstat(s.path)
	if err != nil {
		return err
	}
	s.made = made
	if err := s.giveTo(e.Group); err != nil {
		return err
	}
	s.group = e.Group
	if made.Mode().Perm() == e.mode() && e.Group == "" {
		return nil
	}
	return s.setMode(e)
}

// permit is that of [Permit]. Another group finds a socket that is for its owner only.
func (s *socket) permit(e Endpoint) error {
	if now, err := os.Lstat(s.path); err != nil || !os.SameFile(s.made, now) {
		return fmt.Errorf("%s is no longer the socket that was opened here: somebody has removed or replaced it, and a restart makes it anew", s.path)
	}
	if e.Group == s.group {
		return s.setMode(e)
	}
	err := chmod(s.path, s.made, socketMode)
	if err == nil && e.Group == "" {
		err = s.giveBack()
	} else if err == nil {
		err = s.giveTo(e.Group)
	}
	if err != nil {
		return err
	}
	s.group = e.Group
	return s.setMode(e)
}

func (s *socket) setMode(e Endpoint) error { return chmod(s.path, s.made, e.mode()) }

// mode is what the socket is to have.
func (e Endpoint) mode() fs.FileMode {
	if mode := e.Mode.Perm(); mode != 0 {
		return mode
	}
	return socketMode
}

var errReplaced = errors.New("somebody has removed or replaced the socket")

// giveBack gives the socket the group that it had first.
func (s *socket) giveBack() error {
	first, ok := s.made.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("nobody knows which group the socket had first")
	}
	return os.Lchown(s.path, -1, int(first.Gid))
}

func (s *socket) giveTo(group string) error {
	if group == "" {
		return nil
	}
	gid, err := strconv.ParseUint(group, 10, 31) // a number that is too large would be another group's
	if err != nil {
		found, err := user.LookupGroup(group)
		if err != nil {
			return fmt.Errorf("there is no group %q", group)
		}
		if gid, err = strconv.ParseUint(found.Gid, 10, 32); err != nil {
			return fmt.Errorf("group %q has no numeric id", group)
		}
	}
	if err := os.Lchown(s.path, -1, int(gid)); err != nil {
		return fmt.Errorf("cannot give the socket to group %q; the user tokend runs as must be a member: %w", group, err)
	}
	return nil
}

// Close stops listening and removes the socket, unless another has taken its
// place. It does so once: what is there later may be another's, although it looks
// the same.
func (s *socket) Close() error {
	if s.closed.Swap(true) {
		return net.ErrClosed
	}
	if now, err := os.Lstat(s.path); err == nil && s.made != nil && os.SameFile(s.made, now) {
		_ = os.Remove(s.path) // what is left behind is replaced at the next start
	}
	return errors.Join(s.UnixListener.Close(), s.lock.Close())
}
