//go:build unix

package sink

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestOwners(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(me.Uid)
	for text, want := range map[string]owner{
		"": nobody, me.Username: {uid, -1}, "123": {123, -1}, "123:456": {123, 456}, ":456": {-1, 456}, "123:": {123, -1},
	} {
		if o, err := parseOwner(text); err != nil || o != want {
			t.Errorf("%q: %v, %v", text, o, err)
		}
	}
	for _, text := range []string{"no-such-user-here", ":no-such-group-here", "12x", "99999999999", "1:99999999999"} {
		if o, err := parseOwner(text); err == nil || o != nobody {
			t.Errorf("%q: %v, %v", text, o, err)
		}
	}
}

func TestAFileMayAlwaysBeOurs(t *testing.T) {
	for _, o := range []owner{nobody, {os.Geteuid(), -1}, {-1, os.Getegid()}, {os.Geteuid(), os.Getegid()}} {
		if err := o.permitted(); err != nil {
			t.Errorf("%v: %v", o, err)
		}
	}
	dir := t.TempDir()
	f := &file{dir: dir, name: "token", mode: 0o640, owner: owner{os.Geteuid(), os.Getegid()}}
	replace(t, f, "one", time.Time{})
	if f = (&file{dir: dir, name: "token", mode: 0o640, owner: f.owner}); f.adopt() != nil || !f.held.there || f.held.misfit {
		t.Errorf("%+v", f.held)
	}
	other := &file{dir: dir, name: "token", mode: 0o640, owner: owner{os.Geteuid() + 1, -1}}
	if other.adopt() != nil || !other.held.misfit {
		t.Errorf("with another owner: %+v", other.held)
	}
}

// In a directory where everybody may put files, such as /tmp, a note of somebody else
// makes no file ours: it would count as fresh for as long as the note says.
func TestANoteOfSomebodyElseCountsForNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: needs root")
	}
	dir := t.TempDir()
	replace(t, fileIn(dir), "one", time.Time{})
	if err := os.Chown(filepath.Join(dir, ".token.tokend"), overflowID, -1); err != nil {
		t.Fatal(err)
	}
	f := fileIn(dir)
	if err := f.adopt(); !errors.Is(err, errStrangeNote) || f.held.there {
		t.Errorf("%v, %+v", err, f.held)
	}
}

const (
	asNobodyEnv = "TOKEND_SINK_AS_NOBODY"
	overflowID  = 65534
)

// TestOwnersAsNobody is run as another user by [TestAnOwnerNeedsPrivilege].
func TestOwnersAsNobody(t *testing.T) {
	dir := os.Getenv(asNobodyEnv)
	if dir == "" {
		dir = t.TempDir()
	}
	if os.Geteuid() == 0 {
		// Root may give files away, and does.
		f := &file{dir: dir, name: "token", mode: 0o640, owner: owner{overflowID, overflowID}}
		if err := f.owner.permitted(); err != nil {
			t.Error(err)
		}
		replace(t, f, "one", time.Time{})
		if info, err := os.Stat(filepath.Join(dir, "token")); err != nil || !f.owner.has(info) || info.Mode() != 0o640 {
			t.Errorf("%v, %v", info, err)
		}
		return
	}
	s, err := New(Spec{Service: "billing", Path: filepath.Join(dir, "token"), Format: FormatToken, Mode: 0o600, Owner: "0:0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := errors.AsType[*KeyError](s.Place()); !ok || e.Key != "owner" || e.Problem != errPrivilege.Error() {
		t.Errorf("err = %v", s.Place())
	}
	f := newFile(s)
	if err := f.replace([]byte("x"), heldOf("x", time.Time{})); !errors.Is(err, syscall.EPERM) {
		t.Errorf("err = %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 1 { // the note, which is not given away
		t.Errorf("left: %v, %v", entries, err)
	}
}

// TestAnOwnerNeedsPrivilege runs TestOwnersAsNobody without privilege, if it has some
// to give up; else it has run so already.
func TestAnOwnerNeedsPrivilege(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("this process has no privilege: TestOwnersAsNobody has shown it")
		return
	}
	dir, err := os.MkdirTemp("/tmp", "tokend-sink-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program := filepath.Join(dir, "test")
	inner := filepath.Join(dir, "sinks")
	text, err := os.ReadFile(os.Args[0])
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(program, text, 0o755), os.Mkdir(inner, 0o700), os.Chown(inner, overflowID, overflowID)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestOwnersAsNobody$", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asNobodyEnv+"="+inner)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: overflowID, Gid: overflowID}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestOwnersAsNobody") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTheStartOfAProcess(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "read x")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = cmd.Wait() }()
	pid := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(pid, []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour) // the file is older than the process, as after a reuse
	if err := os.Chtimes(pid, long, long); err != nil {
		t.Fatal(err)
	}
	err = (&Hook{PIDFile: pid, Signal: "HUP"}).signal()
	if _, known := startOf(cmd.Process.Pid); known != (runtime.GOOS == "linux") || known && !errors.Is(err, errAnother) {
		t.Errorf("known: %v, err = %v", known, err)
	}
	if _, ok := startOf(1 << 30); ok {
		t.Error("a process that there is not was started")
	}
}
