package sink

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// givingEnv names a directory for [TestGivingAwayTakesOneCapability].
const givingEnv = "TOKEND_SINK_GIVING"

// capChown is CAP_CHOWN of capabilities(7).
const capChown = 0

// TestGivingAwayTakesOneCapability runs itself as a user who has CAP_CHOWN and nothing
// else, as a service manager would give it.
func TestGivingAwayTakesOneCapability(t *testing.T) {
	if dir := os.Getenv(givingEnv); dir != "" {
		giveAway(t, dir)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: needs root")
	}
	dir, err := os.MkdirTemp("/tmp", "tokend-sink-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program, inner := filepath.Join(dir, "test"), filepath.Join(dir, "sinks")
	text, err := os.ReadFile(os.Args[0])
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(program, text, 0o755), os.Mkdir(inner, 0o700), os.Chown(inner, overflowID, overflowID)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), givingEnv+"="+inner)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: overflowID, Gid: overflowID}, AmbientCaps: []uintptr{capChown},
	}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
}

// giveAway writes a file that this process may not read, and removes it.
func giveAway(t *testing.T, dir string) {
	f := &file{dir: dir, name: "token", mode: 0o440, owner: owner{1, 1}}
	if err := f.owner.permitted(); err != nil {
		t.Fatal(err)
	}
	replace(t, f, "one", time.Time{})
	path := filepath.Join(dir, "token")
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o440 || !f.owner.has(info) {
		t.Fatalf("%v, %v", info, err)
	}
	if _, err := os.ReadFile(path); !errors.Is(err, fs.ErrPermission) {
		t.Fatalf("it can be read: %v", err)
	}
	if err := f.discard(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	other := &file{dir: dir, name: "token", mode: 0o440, owner: f.owner}
	replace(t, other, "two", time.Time{})
	replace(t, f, "three", time.Time{})
	if err := other.discard(); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("another's file: %v", err)
	}
}
