package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Command is a program to run.
type Command struct {
	Program string   // its absolute path
	Args    []string // its arguments, without its name
	Env     []string // NAME=VALUE, besides and before what [Environment] returns
	Dir     string   // where it runs; empty: the working directory
}

// Bounds of what a command may print. One that prints more is ended; of its
// messages, the rest is let go.
const (
	MaxOutput   = 1 << 20
	MaxMessages = 16 << 10
)

// Output is what a command printed.
type Output struct {
	Stdout []byte
	Stderr []byte // its messages
	Cut    bool   // there were more messages than that
}

// ErrFlood says that a command printed more than [MaxOutput] and was ended.
var ErrFlood = errors.New("printed more than 1 MiB")

// ExitError says that a command ended without success.
type ExitError struct {
	Code   int            // its exit code; -1 if a signal ended it
	Signal syscall.Signal // that signal; 0 without one
}

// Error names the code or the signal.
func (e *ExitError) Error() string {
	if e.Signal != 0 {
		return fmt.Sprintf("was ended by signal %d (%s)", int(e.Signal), e.Signal)
	}
	return fmt.Sprintf("exited with code %d", e.Code)
}

// grace is how long a command's output is waited for once the command has ended:
// a process that it left behind may hold it.
const grace = 500 * time.Millisecond

// Run runs the command until it ends, ctx does, or it prints too much, and then
// ends what it left behind. It reads nothing (stdin is the null device). What it
// printed is returned with every error, which is an [*ExitError], [ErrFlood], an
// error of ctx, or says why the command could not be started.
func (c *Command) Run(ctx context.Context) (Output, error) {
	if err := c.startable(); err != nil {
		return Output{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stdout := &capture{limit: MaxOutput, full: func() { cancel(ErrFlood) }}
	stderr := &capture{limit: MaxMessages, full: func() {}}

	cmd := exec.CommandContext(ctx, c.Program, c.Args...)
	cmd.Env, cmd.Dir = append(Environment(), c.Env...), c.Dir
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = stdout, stderr, grace
	err := runGroup(cmd)
	return Output{stdout.text, stderr.text, stderr.cut}, judge(ctx, err, stdout.cut)
}

// judge says how a command that was run with ctx ended.
func judge(ctx context.Context, err error, flood bool) error {
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case flood:
		return ErrFlood
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it succeeded, and left something behind
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case exited:
		return exitError(exit)
	default:
		return startError(err)
	}
}

func exitError(e *exec.ExitError) error {
	if status, ok := e.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &ExitError{Code: -1, Signal: status.Signal()}
	}
	return &ExitError{Code: e.ExitCode()}
}

// startable returns what is wrong with the directory: a start would fail as if
// there were no such program.
func (c *Command) startable() error {
	if c.Dir == "" {
		return nil
	}
	info, err := os.Stat(c.Dir)
	switch {
	case err != nil:
		return fmt.Errorf("cannot be run in its directory: %w", reason(err))
	case !info.IsDir():
		return fmt.Errorf("cannot be run in its directory: %w", syscall.ENOTDIR)
	default:
		return nil
	}
}

// capture keeps the first bytes that are written to it, and lets go of the rest.
type capture struct {
	text  []byte
	limit int
	full  func() // called when it gets more
	cut   bool
}

// Write never fails: a command need not notice that nobody listens any more.
func (c *capture) Write(p []byte) (int, error) {
	keep := min(len(p), c.limit-len(c.text))
	c.text = append(c.text, p[:keep]...)
	if keep < len(p) {
		c.cut = true
		c.full()
	}
	return len(p), nil
}
