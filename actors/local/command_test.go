//go:build unix

package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// this returns a command that runs one of the helpers.
func this(args ...string) *Command {
	return &Command{Program: os.Args[0], Args: append([]string{helper}, args...)}
}

func TestACommandsOutput(t *testing.T) {
	for name, c := range map[string]struct {
		args                   []string
		out, messages, failure string
	}{
		"success":       {args: []string{"print", "a $HOME *\n"}, out: "a $HOME *\n"},
		"failure":       {args: []string{"exit", "3"}, out: "out", messages: "err", failure: "exited with code 3"},
		"a signal":      {args: []string{"die"}, failure: "was ended by signal 15 (terminated)"},
		"nothing to it": {args: []string{"stdin"}, out: `"" <nil>`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := this(c.args...).Run(t.Context())
			text := ""
			if err != nil {
				text = err.Error()
			}
			if string(got.Stdout) != c.out || string(got.Stderr) != c.messages || text != c.failure || got.Cut {
				t.Errorf("%q, %q, %v", got.Stdout, got.Stderr, err)
			}
		})
	}
}

func TestHowACommandEndedCanBeTold(t *testing.T) {
	_, err := this("exit", "3").Run(t.Context())
	if e, ok := errors.AsType[*ExitError](err); !ok || e.Code != 3 || e.Signal != 0 {
		t.Errorf("%#v", err)
	}
	_, err = this("die").Run(t.Context())
	if e, ok := errors.AsType[*ExitError](err); !ok || e.Code != -1 || e.Signal != syscall.SIGTERM {
		t.Errorf("%#v", err)
	}
}

// What a process holds in its environment is nothing for the commands it runs.
func TestACommandGetsThreeVariablesAndItsOwn(t *testing.T) {
	t.Setenv("PATH", "/bin")
	t.Setenv("HOME", "/home/probe")
	t.Setenv("LANG", "C")
	t.Setenv("CLIENT_SECRET", "hush")
	c := this("environment")
	c.Env = []string{"PIN=1=2", "LANG=de"}
	got, err := c.Run(t.Context())
	if want := "HOME=/home/probe\nLANG=de\nPATH=/bin\nPIN=1=2"; err != nil || string(got.Stdout) != want {
		t.Errorf("%v:\n%s", err, got.Stdout)
	}
	for _, name := range []string{"PATH", "HOME", "LANG"} {
		if err := os.Unsetenv(name); err != nil { // t.Setenv brings it back
			t.Fatal(err)
		}
	}
	if got, err := this("environment").Run(t.Context()); err != nil || len(got.Stdout) != 0 {
		t.Errorf("%v:\n%s", err, got.Stdout)
	}
}

func TestWhereACommandRuns(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := this("place")
	c.Dir = dir
	if got, err := c.Run(t.Context()); err != nil || string(got.Stdout) != dir+"<nil>" {
		t.Errorf("%q, %v", got.Stdout, err)
	}
}

func TestCommandsThatCannotStart(t *testing.T) {
	dir := t.TempDir()
	file, script := filepath.Join(dir, "file"), filepath.Join(dir, "script")
	for path, mode := range map[string]os.FileMode{file: 0o600, script: 0o700} {
		if err := os.WriteFile(path, []byte("nonsense"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		command Command
		want    string
	}{
		"no such program":   {Command{Program: filepath.Join(dir, "none")}, "cannot be run: no such file or directory: is it installed, and its path right?"},
		"no permission":     {Command{Program: file}, "cannot be run: permission denied: the user that this process runs as must be allowed to execute it"},
		"no program":        {Command{Program: script}, "cannot be run: exec format error: a script needs a first line that names its interpreter"},
		"no such directory": {Command{Program: os.Args[0], Dir: filepath.Join(dir, "none")}, "cannot be run in its directory: no such file or directory"},
		"no directory":      {Command{Program: os.Args[0], Dir: file}, "cannot be run in its directory: not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := c.command.Run(t.Context()); err == nil || err.Error() != c.want {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestACommandThatPrintsTooMuchIsEnded(t *testing.T) {
	got, err := this("flood").Run(t.Context())
	if !errors.Is(err, ErrFlood) || len(got.Stdout) != MaxOutput {
		t.Errorf("%d bytes, %v", len(got.Stdout), err)
	}
}

func TestMessagesAreCut(t *testing.T) {
	got, err := this("chatter").Run(t.Context())
	if err != nil || len(got.Stderr) != MaxMessages || !got.Cut {
		t.Errorf("%d bytes, %v, %v", len(got.Stderr), got.Cut, err)
	}
}

// alive reports whether there is such a process; a zombie counts.
func alive(t *testing.T, pid int) bool {
	t.Helper()
	if pid <= 0 {
		t.Fatalf("%d is no pid", pid)
	}
	return syscall.Kill(pid, 0) == nil
}

// gone fails unless there is no such process. Where orphans are not this process's
// to wait for, it takes a moment.
func gone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); alive(t, pid); time.Sleep(time.Millisecond) {
		if runtime.GOOS == "linux" || time.Now().After(deadline) {
			t.Fatalf("%d is still there", pid)
		}
	}
}

func pidIn(t *testing.T, text []byte) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// A child that holds the output of its parent must not hold up anybody, nor live
// on.
func TestWhatACommandLeavesBehindIsEnded(t *testing.T) {
	got, err := this("leave").Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gone(t, pidIn(t, got.Stdout))
}

// ending is a context that ends when the test says so, and as it says.
type ending struct {
	context.Context

	done chan struct{}
	err  error
}

func (c *ending) Done() <-chan struct{} { return c.done }

func (c *ending) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// A command that is out of time ends with its children.
func TestACommandEndsWithItsContext(t *testing.T) {
	for name, want := range map[string]error{"timeout": context.DeadlineExceeded, "called off": context.Canceled} {
		t.Run(name, func(t *testing.T) {
			pipe := filepath.Join(t.TempDir(), "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx := &ending{t.Context(), make(chan struct{}), want}
			ended := make(chan error)
			go func() {
				_, err := this("stay", pipe).Run(ctx)
				ended <- err
			}()
			text, err := os.ReadFile(pipe) // waits for the command
			if err != nil {
				t.Fatal(err)
			}
			close(ctx.done)
			if err := <-ended; !errors.Is(err, want) {
				t.Errorf("%v", err)
			}
			gone(t, pidIn(t, text))
		})
	}
}

func TestNothingStartsAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := this("print", "x").Run(ctx); !errors.Is(err, context.Canceled) || len(got.Stdout) != 0 {
		t.Errorf("%q, %v", got.Stdout, err)
	}
}

func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"tool": 0o700, "plain": 0o600} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	tool := filepath.Join(dir, "tool")
	for name, c := range map[string]struct{ path, name, want, failure string }{
		"in PATH":                   {dir, "tool", tool, ""},
		"by its path":               {"", tool, tool, ""},
		"not in PATH":               {dir, "none", "", "is not in PATH: install it, or give its absolute path"},
		"not executable in PATH":    {dir, "plain", "", "is not in PATH: install it, or give its absolute path"},
		"in PATH by a relative one": {".", "tool", "", "is in PATH by a relative path only: give its absolute path"},
		"by a relative path":        {dir, "./tool", "", ErrRelative.Error()},
		"by the parent":             {dir, "..", "", ErrRelative.Error()},
		"by nothing":                {dir, "", "", ErrRelative.Error()},
		"no such file":              {dir, filepath.Join(dir, "none"), "", "cannot be run: no such file or directory: is it installed, and its path right?"},
		"no program":                {dir, filepath.Join(dir, "plain"), "", "cannot be run: permission denied: the user that this process runs as must be allowed to execute it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", c.path)
			got, err := Program(c.name)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if got != c.want || text != c.failure {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestNoErrorHoldsAnArgument(t *testing.T) {
	c := Command{Program: filepath.Join(t.TempDir(), "canary"), Args: []string{"canary"}, Env: []string{"A=canary\x00"}}
	_, err := c.Run(t.Context())
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
	if !slices.Equal(c.Args, []string{"canary"}) {
		t.Errorf("%q", c.Args)
	}
}
