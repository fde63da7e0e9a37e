package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What a killed tokend exec leaves behind is removed by a second process, the guard: it
// waits for the first one's end at a pipe, which the kernel closes however that ends.
// It is in a session of its own, so that what kills a terminal's or a shell's processes
// does not kill it too. The command itself also gets SIGKILL from the kernel when its
// parent dies, so that it ends even where the guard has been killed as well.

// guardWord makes this program the guard. It is for tokend exec alone.
const guardWord = "guard-of-exec"

// guardMark is the variable by which the guard knows the command and all that it has
// started.
const guardMark = "TOKEND_EXEC_ID"

const guardDone = "done"

// guard is the other end of a guard process.
type guard struct {
	mark string
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// startGuard starts one for a directory of files, which may be empty.
func startGuard(dir string) (*guard, error) {
	g := &guard{mark: rand.Text()}
	g.cmd = exec.Command("/proc/self/exe", guardWord, g.mark, dir)
	g.cmd.Args[0] = os.Args[0]
	g.cmd.Dir, g.cmd.Env = "/", []string{}
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var err error
	if g.pipe, err = g.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return g, g.cmd.Start()
}

// entry is what the environment of a guarded command has.
func (g *guard) entry() string { return guardMark + "=" + g.mark }

// dismiss tells the guard that nothing is left to be removed.
func (g *guard) dismiss() {
	_, _ = io.WriteString(g.pipe, guardDone) // if it is gone already it does nothing either
	_ = g.pipe.Close()
	_ = g.cmd.Wait()
}

// isGuard reports whether the command line is that of a guard.
func isGuard(args []string) bool { return len(args) == 4 && args[1] == guardWord }

// runGuard waits until whoever started it has ended, and cleans up unless it was
// dismissed.
func runGuard(args []string) int {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE)
	if said, _ := io.ReadAll(os.Stdin); string(said) == guardDone {
		return exitOK
	}
	mark, dir := args[2], args[3]
	removeFiles(dir)
	killMarked(mark)
	removeFiles(dir) // a command may write there, too
	return exitOK
}

// removeFiles removes the directory of a tokend exec, and nothing else.
func removeFiles(dir string) {
	if ok, err := filepath.Match(filesPrefix+"*", filepath.Base(dir)); ok && err == nil && filepath.IsAbs(dir) {
		_ = os.RemoveAll(dir) // what cannot be removed is looked at by the next tokend exec
	}
}

// The passes of killMarked: those that are killed may have started others meanwhile.
const (
	guardPasses = 500
	guardPause  = 10 * time.Millisecond
)

// killMarked kills every process that has the mark, until there is none.
func killMarked(mark string) {
	entry := []byte(guardMark + "=" + mark + "\x00")
	for range guardPasses {
		if !killOnce(entry) {
			return
		}
		time.Sleep(guardPause)
	}
}

// killOnce reports whether there was a process to kill.
func killOnce(entry []byte) (found bool) {
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return false
	}
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err == nil && pid != os.Getpid() && killIf(pid, entry) {
			found = true
		}
	}
	return found
}

// killIf kills a process whose environment has the entry. A descriptor of the process
// names it, so that its number may be another's by the time of the signal.
func killIf(pid int, entry []byte) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil && err != unix.ENOSYS {
		return false
	}
	if err == nil {
		defer func() { _ = unix.Close(fd) }()
	}
	env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) // empty for one that has ended
	if !bytes.HasPrefix(env, entry) && !bytes.Contains(env, append([]byte{0}, entry...)) {
		return false
	}
	if err == nil {
		return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil
	}
	return syscall.Kill(pid, syscall.SIGKILL) == nil
}

// bound has the command end with this process, however that ends.
func bound() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// pin keeps the thread that starts a command until the returned function is called: for
// Linux the parent of a command is that thread.
func pin() func() {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}
