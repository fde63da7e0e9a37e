//go:build unix

package httpapi

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

func TestSocketPermissions(t *testing.T) {
	tests := map[string]struct {
		endpoint Endpoint
		want     fs.FileMode
	}{
		"the owner only by default": {Endpoint{}, 0o600},
		"a mode":                    {Endpoint{Mode: 0o666}, 0o666},
		"a group by number":         {Endpoint{Mode: 0o660, Group: strconv.Itoa(os.Getgid())}, 0o660},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := socketPath(t)
			tt.endpoint.Address = unixScheme + path
			listenAt(t, tt.endpoint)
			if got := modeOf(t, path); got != fs.ModeSocket|tt.want {
				t.Errorf("mode %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSocketIsBornPrivate(t *testing.T) {
	// The widest umask there is; other tests of this package make sockets only
	// through the same door, and do not run in parallel.
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := socketPath(t)
	l, err := bindPrivate(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if got := modeOf(t, path).Perm(); got != socketMode {
		t.Errorf("before anything else was done to it, its mode is %s", got)
	}
}

// What Linux takes from the descriptor holds from the first moment on, whatever the umask
// leaves of it.
func TestASocketIsBornWithItsMode(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT TESTED: only Linux takes a mode before there is a path")
	}
	for umask, want := range map[int]fs.FileMode{0: 0o666, 0o022: 0o644, 0o077: 0o600} {
		old := syscall.Umask(umask)
		path := socketPath(t)
		l, err := bindWith(t.Context(), path, 0o666)
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		if got := modeOf(t, path).Perm(); got != want {
			t.Errorf("umask %#o: mode %#o, want %#o", umask, got, want)
		}
		_ = l.Close()
	}
}

// A link that takes the place of a socket must not have another file opened to others.
func TestTheModeOfAnotherFileIsNotChanged(t *testing.T) {
	path := socketPath(t)
	l := listenAt(t, Endpoint{Address: unixScheme + path})
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, put := range map[string]func() error{
		"a link":         func() error { return os.Symlink(victim, path) },
		"a file":         func() error { return os.Link(victim, path) },
		"nothing at all": func() error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(path)
			if err := put(); err != nil {
				t.Fatal(err)
			}
			if err := l.(*socket).setMode(Endpoint{Mode: 0o666}); err == nil {
				t.Error("the mode of something else was changed")
			}
			if err := Permit(l, Endpoint{Mode: 0o666}); err == nil {
				t.Error("something else is permitted")
			}
			if got := modeOf(t, victim).Perm(); got != 0o600 {
				t.Errorf("the other file has mode %#o", got)
			}
		})
	}
}

func TestSocketsInDirectoriesThatOthersCanChange(t *testing.T) {
	for name, c := range map[string]struct {
		make  func(t *testing.T, dir string) string // returns the directory of the socket
		wants string                                // in the error; empty: it is opened
	}{
		"everyone's": {func(t *testing.T, dir string) string { return directory(t, dir, 0o777) }, "everyone can write to"},
		"an emptyDir of Kubernetes": {func(t *testing.T, dir string) string {
			return directory(t, dir, 0o777|fs.ModeSetgid)
		}, "everyone can write to"},
		"one below everyone's": {func(t *testing.T, dir string) string {
			return directory(t, filepath.Join(directory(t, dir, 0o777), "d"), 0o700)
		}, "everyone can write to"},
		"a sticky one":            {func(t *testing.T, dir string) string { return directory(t, dir, 0o777|fs.ModeSticky) }, ""},
		"one for this user alone": {func(t *testing.T, dir string) string { return directory(t, dir, 0o700) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Dir(socketPath(t))
			e := Endpoint{Address: unixScheme + c.make(t, filepath.Join(dir, "d")) + "/s"}
			l, err := Listen(t.Context(), e)
			if err == nil {
				_ = l.Close()
			}
			if (err == nil) != (c.wants == "") || err != nil && !strings.Contains(err.Error(), c.wants) {
				t.Fatalf("%v, want one that says %q", err, c.wants)
			}
			if err != nil && !strings.Contains(err.Error(), "trust_directory: true") {
				t.Errorf("%v does not say what to do", err)
			}
			e.TrustDirectory = true
			if l, err = Listen(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			_ = l.Close()
		})
	}
}

// directory makes one with that mode, whatever the umask.
func directory(t *testing.T, dir string, mode fs.FileMode) string {
	t.Helper()
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSocketIsRemovedOnClose(t *testing.T) {
	path := socketPath(t)
	l := listenAt(t, Endpoint{Address: unixScheme + path})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestCloseLeavesAnothersSocket(t *testing.T) {
	path := socketPath(t)
	l := listenAt(t, Endpoint{Address: unixScheme + path})
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	other, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	_ = l.Close()
	if modeOf(t, path).Type() != fs.ModeSocket {
		t.Error("the other socket is gone")
	}
}

func TestClosingAgainLeavesTheNextSocket(t *testing.T) {
	path := socketPath(t)
	l := listenAt(t, Endpoint{Address: unixScheme + path})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	next := listenAt(t, Endpoint{Address: unixScheme + path})
	made, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*socket).made = made // as when the file system gives the same number again
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed again: %v", err)
	}
	reach(t, next)
}

// leaveSocket leaves a socket at path on which nobody listens.
func leaveSocket(t *testing.T, path string) {
	t.Helper()
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
}

func reach(t *testing.T, l net.Listener) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := socketPath(t)
	leaveSocket(t, path)
	reach(t, listenAt(t, Endpoint{Address: unixScheme + path}))
}

func TestOneOfManyTakesAStaleSocket(t *testing.T) {
	for range 20 {
		path := socketPath(t)
		leaveSocket(t, path)
		winner := rush(t, path, 8)
		reach(t, winner)
		if err := winner.Close(); err != nil {
			t.Error(err)
		}
		reach(t, listenAt(t, Endpoint{Address: unixScheme + path})) // the lock is free again
		if got := modeOf(t, path+".lock"); got != lockMode {
			t.Errorf("mode of the lock %s", got)
		}
	}
}

// rush has n listeners open path at once and returns the one that could.
func rush(t *testing.T, path string, n int) net.Listener {
	t.Helper()
	type outcome struct {
		l   net.Listener
		err error
	}
	start, outcomes := make(chan struct{}), make(chan outcome, n)
	for range n {
		go func() {
			<-start
			l, err := Listen(t.Context(), Endpoint{Address: unixScheme + path})
			outcomes <- outcome{l, err}
		}()
	}
	close(start)
	var open []net.Listener
	for range n {
		o := <-outcomes
		if o.err == nil {
			open = append(open, o.l)
		} else if !strings.Contains(o.err.Error(), "somebody listens there already") {
			t.Errorf("error %v", o.err)
		}
	}
	if len(open) != 1 {
		t.Fatalf("%d of %d listen", len(open), n)
	}
	return open[0]
}

func TestWhatIsNotReplaced(t *testing.T) {
	tests := map[string]struct {
		prepare func(t *testing.T, path string)
		want    string
	}{
		"a socket on which somebody listens": {
			func(t *testing.T, path string) { listenAt(t, Endpoint{Address: unixScheme + path}) }, "somebody listens there already",
		},
		"a regular file": {
			func(t *testing.T, path string) {
				if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
					t.Fatal(err)
				}
			}, "is not a socket",
		},
		"a socket on which a stranger listens": {
			func(t *testing.T, path string) {
				l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = l.Close() })
			}, "somebody listens there already",
		},
		"a link to a socket": {
			func(t *testing.T, path string) {
				if err := os.Symlink(path+".other", path); err != nil {
					t.Fatal(err)
				}
			}, "is not a socket",
		},
		"a directory": {
			func(t *testing.T, path string) {
				if err := os.Mkdir(path, 0o700); err != nil {
					t.Fatal(err)
				}
			}, "is not a socket",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := socketPath(t)
			tt.prepare(t, path)
			before := modeOf(t, path)
			l, err := Listen(t.Context(), Endpoint{Address: unixScheme + path})
			if err == nil {
				_ = l.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if modeOf(t, path) != before {
				t.Error("it was replaced")
			}
		})
	}
}

func TestLocksThatAreNone(t *testing.T) {
	tests := map[string]struct {
		prepare func(path string) error
		want    string
	}{
		"a link":      {func(path string) error { return os.Symlink(path+".other", path) }, "lock "},
		"a directory": {func(path string) error { return os.Mkdir(path, 0o700) }, "lock "},
		"a pipe":      {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "not a regular file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := socketPath(t)
			if err := tt.prepare(path + ".lock"); err != nil {
				t.Fatal(err)
			}
			l, err := Listen(t.Context(), Endpoint{Address: unixScheme + path})
			if err == nil {
				_ = l.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if _, err := os.Lstat(path + ".lock.other"); !os.IsNotExist(err) {
				t.Error("a file was made where the link shows")
			}
		})
	}
}

func TestSocketErrorsSayWhatToDo(t *testing.T) {
	dir := filepath.Dir(socketPath(t))
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		endpoint Endpoint
		want     string
	}{
		"no directory":          {Endpoint{Address: unixScheme + dir + "/none/s"}, "there is no directory " + dir + "/none; make it"},
		"no directory but file": {Endpoint{Address: unixScheme + file + "/s"}, "is not a directory"},
		"relative":              {Endpoint{Address: "unix://s"}, "absolute path"},
		"too long":              {Endpoint{Address: unixScheme + dir + "/" + strings.Repeat("s", maxSocketPath)}, "choose a shorter one"},
		"a group's number, and more than there can be": {Endpoint{Address: unixScheme + dir + "/g", Group: "4294967296"}, `no group "4294967296"`},
		"no such group": {Endpoint{Address: unixScheme + dir + "/g", Group: "no-such-group"}, `no group "no-such-group"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Listen(t.Context(), tt.endpoint)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := os.Lstat(dir + "/g"); !os.IsNotExist(err) {
		t.Error("the socket without a group is left behind")
	}
}
