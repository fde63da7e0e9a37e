package sink

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tokend/actors/local"
)

const (
	// turningEnv is set in a process that turns a directory: to its path, and that of
	// where it leads then.
	turningEnv = "TOKEND_TURN"
	attacker   = 54_321 // a user that no machine has
	victimUser = 54_322
)

// grounds are directories in which the attacker owns app, and the node, which is root, is
// to write to app/run. Only root may write to victim.
type grounds struct{ dir, app, run, victim string }

func onGrounds(t *testing.T) grounds {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can be led astray by another user; run the tests as root too")
	}
	dir, err := os.MkdirTemp("/tmp", "tokend-sink-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	g := grounds{dir, filepath.Join(dir, "app"), filepath.Join(dir, "app", "run"), filepath.Join(dir, "victim")}
	err = errors.Join(os.Chmod(dir, 0o755), os.MkdirAll(g.run, 0o755), os.Mkdir(g.victim, 0o755))
	if err = errors.Join(err, os.Chown(g.app, attacker, attacker), os.Chown(g.run, attacker, attacker)); err != nil {
		t.Fatal(err)
	}
	return g
}

// sink returns a sink in run that was found good, with the file of that owner.
func (g grounds) sink(t *testing.T, owner string) *Sink {
	t.Helper()
	s, err := New(Spec{Service: "billing", Path: filepath.Join(g.run, "token"), Format: FormatToken, Mode: 0o600, Owner: owner}, nil)
	if err == nil {
		err = s.Place()
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestADirectoryThatWasTurnedIsNotWrittenTo turns each part of the way, between the check
// and the writing.
func TestADirectoryThatWasTurnedIsNotWrittenTo(t *testing.T) {
	for name, c := range map[string]struct {
		turn func(g grounds) error
		good bool // it is written to all the same
	}{
		"not at all": {func(grounds) error { return nil }, true},
		"to a link": {func(g grounds) error {
			return errors.Join(os.Rename(g.run, g.run+"2"), os.Symlink(g.victim, g.run))
		}, false},
		"to a relative link": {func(g grounds) error {
			return errors.Join(os.Rename(g.run, g.run+"2"), os.Symlink("../victim", g.run))
		}, false},
		"to a link to itself": {func(g grounds) error {
			return errors.Join(os.Rename(g.run, g.run+"2"), os.Symlink("run2", g.run))
		}, false},
		"above, to a link": {func(g grounds) error {
			return errors.Join(os.Chown(g.dir, attacker, -1), os.Rename(g.app, g.app+"2"), os.Symlink(g.victim, g.app), os.Mkdir(g.victim+"/run", 0o755))
		}, false},
		"to a directory of root's": {func(g grounds) error {
			return errors.Join(os.Rename(g.run, g.run+"2"), os.Rename(g.victim, g.run))
		}, false},
		"to one of a third user's": {func(g grounds) error {
			return errors.Join(os.Rename(g.run, g.run+"2"), os.Mkdir(g.run, 0o755), os.Chown(g.run, victimUser, -1))
		}, false},
		"to a file": {func(g grounds) error {
			return errors.Join(os.Rename(g.run, g.run+"2"), os.WriteFile(g.run, nil, 0o600))
		}, false},
		"to another of the owner's, by anyone": {func(g grounds) error {
			return errors.Join(os.Chmod(g.dir, 0o777), os.Rename(g.run, g.run+"2"), os.Mkdir(g.run, 0o755), os.Chown(g.run, attacker, -1))
		}, false},
		"to another of the owner's": {func(g grounds) error {
			return errors.Join(os.RemoveAll(g.run), os.Mkdir(g.app+"/new", 0o755), os.Chown(g.app+"/new", attacker, -1), os.Rename(g.app+"/new", g.run))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := onGrounds(t)
			f := newFile(g.sink(t, strconv.Itoa(attacker)))
			if err := c.turn(g); err != nil {
				t.Fatal(err)
			}
			err := f.replace([]byte("one"), heldOf("one", time.Time{}))
			if (err == nil) != c.good {
				t.Errorf("written: %v", err)
			}
			found := 0
			_ = filepath.Walk(g.dir, func(_ string, info os.FileInfo, _ error) error {
				if strings.Contains(info.Name(), "token") && info.Name() != filepath.Base(g.dir) {
					found++
				}
				return nil
			})
			if (found > 0) != c.good {
				t.Errorf("%d files were left", found)
			}
		})
	}
}

// TestADirectoryThatIsTurnedAllTheTime has another user turn it while the node writes.
func TestADirectoryThatIsTurnedAllTheTime(t *testing.T) {
	if ways := os.Getenv(turningEnv); ways != "" {
		turn(strings.Split(ways, ":"))
	}
	g := onGrounds(t)
	program := filepath.Join(g.dir, "test")
	text, err := os.ReadFile(os.Args[0])
	if err := errors.Join(err, os.WriteFile(program, text, 0o755)); err != nil {
		t.Fatal(err)
	}
	f := newFile(g.sink(t, strconv.Itoa(attacker)))
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$")
	cmd.Dir, cmd.Env = "/", append(os.Environ(), turningEnv+"="+g.run+":"+g.victim)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: attacker, Gid: attacker}, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	written, refused := 0, 0
	for end := time.Now().Add(time.Minute); written < 50 || refused < 50; {
		if err := f.replace([]byte("one"), heldOf("one", time.Time{})); err == nil {
			written++
		} else {
			refused++
		}
		if left, err := os.ReadDir(g.victim); err != nil || len(left) > 0 {
			t.Fatalf("after %d writings it holds %v, %v", written, left, err)
		}
		if time.Now().After(end) {
			t.Logf("%d writings, %d refusals", written, refused)
			break
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	if written == 0 || refused == 0 {
		t.Errorf("%d writings, %d refusals: they did not meet", written, refused)
	}
}

// turn turns a directory to a link and back without end.
func turn(ways []string) {
	run, victim := ways[0], ways[1]
	for {
		_ = os.Rename(run, run+"2")
		_ = os.Symlink(victim, run)
		_ = os.Remove(run)
		_ = os.Rename(run+"2", run)
	}
}

func TestWhoElseCanChangeADirectory(t *testing.T) {
	for name, c := range map[string]struct {
		turn  func(g grounds) error
		owner string
		want  string // in what is told; empty: nothing is
	}{
		"the owner's": {func(grounds) error { return nil }, strconv.Itoa(attacker), ""},
		"the owner's, by its group": {func(g grounds) error {
			return errors.Join(os.Chown(g.app, 0, attacker), os.Chown(g.run, 0, attacker), os.Chmod(g.app, 0o775), os.Chmod(g.run, 0o775))
		}, ":" + strconv.Itoa(attacker), ""},
		"another's":             {func(grounds) error { return nil }, strconv.Itoa(victimUser), "belongs to another user (uid 54321)"},
		"another's, for no one": {func(grounds) error { return nil }, "", "belongs to another user (uid 54321)"},
		"another group's": {func(g grounds) error {
			return errors.Join(os.Chown(g.app, 0, 0), os.Chown(g.run, 0, attacker), os.Chmod(g.run, 0o775))
		}, "", "group 54321 can write"},
		"below everyone's": {func(g grounds) error {
			return errors.Join(os.Chown(g.app, 0, 0), os.Chown(g.run, 0, 0), os.Chmod(g.app, 0o777))
		}, "", "everyone can write"},
		"root's": {func(g grounds) error { return errors.Join(os.Chown(g.app, 0, 0), os.Chown(g.run, 0, 0)) }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := onGrounds(t)
			if err := c.turn(g); err != nil {
				t.Fatal(err)
			}
			err := g.sink(t, c.owner).Exposed()
			_, ok := errors.AsType[*local.ExposedError](err)
			if ok != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// Where only root and the node's user can change the way, a directory may be made again.
func TestADirectoryThatWasMadeAgainIsWrittenTo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f := fileIn(dir)
	replace(t, f, "one", time.Time{})
	for _, again := range []func() error{
		func() error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)) },
		func() error { return errors.Join(os.Rename(dir, dir+"2"), os.Symlink(dir+"2", dir)) },
	} {
		if err := again(); err != nil {
			t.Fatal(err)
		}
		replace(t, f, "two", time.Time{})
	}
}
