//go:build unix

package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// replace makes this process the command. It returns only if that fails.
func (c *child) replace() error {
	err := syscall.Exec(c.file, c.args, c.holder.environ())
	return &failure{exit: exitNoProgram, code: "not_executable", err: &os.PathError{Op: "exec", Path: c.file, Err: err}}
}

// passedOn are the signals that are meant for the command when they come here.
func passedOn() []os.Signal {
	return []os.Signal{
		syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2,
		syscall.SIGALRM, syscall.SIGWINCH, syscall.SIGCONT,
	}
}

// ends reports whether a signal tells the command to end, for good.
func ends(s os.Signal) bool {
	return s == syscall.SIGHUP || s == syscall.SIGINT || s == syscall.SIGQUIT || s == syscall.SIGTERM
}

// alreadyHas reports whether the command got the signal by itself: a terminal sends
// those of its keys to all processes in the foreground.
func alreadyHas(s os.Signal) bool {
	switch s {
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH, syscall.SIGCONT:
		return inForeground()
	default:
		return false
	}
}

// inForeground reports whether this process is in the foreground of its terminal,
// which need not be what it reads.
func inForeground() bool {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false // there is none
	}
	defer func() { _ = terminal.Close() }() // it was only asked
	foreground, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground == syscall.Getpgrp()
}

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// signalNamed returns the signal of a name such as HUP, nil if there is none.
func signalNamed(name string) os.Signal {
	if s := unix.SignalNum("SIG" + name); s != 0 {
		return s
	}
	return nil
}

// exitCode returns what a shell would say of a process that has ended.
func exitCode(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}
