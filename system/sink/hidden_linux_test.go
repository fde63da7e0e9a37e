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
)

// The stages of [TestAHiddenProcessGetsNoSignal]: a process with mounts of its own,
// and one within that may signal every process, but sees its own alone.
const (
	hiddenEnv = "TOKEND_SINK_HIDDEN" // names the stage
	capKill   = 5                    // CAP_KILL of capabilities(7)
)

// Where /proc hides the processes of others, as ProtectProc= of systemd has it, nobody
// can tell whether a process is the one that wrote the pid file: it gets no signal.
func TestAHiddenProcessGetsNoSignal(t *testing.T) {
	switch os.Getenv(hiddenEnv) {
	case "mounts":
		hideProcesses(t)
		return
	case "hook":
		signalHidden(t)
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
	text, err := os.ReadFile(os.Args[0])
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "test"), text, 0o755)); err != nil {
		t.Fatal(err)
	}
	out, err := again(t, dir, "mounts", &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS})
	switch {
	case errors.Is(err, syscall.EPERM), strings.Contains(out, "NOT TESTED"):
		t.Skipf("NOT TESTED: mounts cannot be changed: %v\n%s", err, out)
	case err != nil, !strings.Contains(out, "--- PASS: "+t.Name()):
		t.Errorf("%v\n%s", err, out)
	}
}

// again runs the copy of this program that is in dir as another stage.
func again(t *testing.T, dir, stage string, as *syscall.SysProcAttr) (string, error) {
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "test"), "-test.run=^TestAHiddenProcessGetsNoSignal$", "-test.v")
	cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, append(os.Environ(), hiddenEnv+"="+stage), as
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func hideProcesses(t *testing.T) {
	err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err == nil {
		err = syscall.Mount("proc", "/proc", "proc", 0, "hidepid=2")
	}
	if err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	out, err := again(t, filepath.Dir(os.Args[0]), "hook", &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: overflowID, Gid: overflowID}, AmbientCaps: []uintptr{capKill},
	})
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func signalHidden(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	for process, want := range map[int]error{os.Getppid(): errHidden, 1 << 22: errNoPID} {
		if err := os.WriteFile(pid, []byte(strconv.Itoa(process)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := (&Hook{PIDFile: pid, Signal: "USR1"}).signal(); !errors.Is(err, want) {
			t.Errorf("process %d: %v, want %v", process, err, want)
		}
	}
}
