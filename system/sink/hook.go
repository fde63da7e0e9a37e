package sink

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/actors/local"
)

// mostPrograms bounds the programs of hooks that run at a time. When a node starts, or
// an identity provider is back, the files of all sinks may change at once.
const mostPrograms = 32

// places are taken by programs that run.
type places chan struct{}

// runner runs the hook of one sink beside its worker, so that a slow one keeps no
// file old. Changes that come while it runs are one change: it runs once more.
type runner struct {
	hook     *Hook
	env      []string
	places   places
	log      logrus.FieldLogger
	changed  chan struct{} // holds one when the file has changed
	observe  func(error)   // told of every run
	complain complaints
	back     backOff
}

func newRunner(s *Sink, p places, log logrus.FieldLogger, observe func(error)) *runner {
	return &runner{
		hook: s.spec.Hook, env: environment(s), places: p, log: log, observe: observe, changed: make(chan struct{}, 1),
	}
}

// trigger makes the hook run, soon. It never waits.
func (r *runner) trigger() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// run runs the hook after changes until ctx ends, which ends a running one too. One
// that fails is run again with a growing pause.
func (r *runner) run(ctx context.Context) {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.changed:
			r.back.reset()
		case <-again:
		}
		again = nil
		err := r.once(ctx)
		if ctx.Err() != nil {
			return
		}
		r.observe(err)
		if r.complain.about(r.log, err, "hook of a sink failed, and is tried again", "hook of a sink works again"); err != nil {
			again = time.After(r.back.next())
		}
	}
}

// once runs the hook once, a program when there is a place for it.
func (r *runner) once(ctx context.Context) error {
	if len(r.hook.Exec) > 0 {
		select {
		case r.places <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		defer func() { <-r.places }()
	}
	return r.hook.run(ctx, r.env)
}

// environment returns what a hook's program gets of it: never a token, and little of
// ours.
func environment(s *Sink) []string {
	return append(local.Environment(), "TOKEND_SERVICE="+s.spec.Service, "TOKEND_PATH="+s.spec.Path)
}

func (h *Hook) run(ctx context.Context, env []string) error {
	if len(h.Exec) > 0 {
		return runCommand(ctx, h.Exec, env, h.Timeout)
	}
	return h.signal()
}

// maxPIDFile bounds a file that names a process.
const maxPIDFile = 64

var (
	errPID     = errors.New("the pid file does not hold the number of a process alone")
	errOwnPID  = errors.New("the pid file names this process")
	errAnother = errors.New("the process was started after the pid file was written: it is another one")
	errHidden  = errors.New("/proc hides when the process was started: it may be another one")
	errNoPID   = errors.New("there is no process of the number in the pid file")
)

// readPID returns which process a file names, and when that was written.
func readPID(path string) (pid int, written time.Time, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, time.Time{}, err
	}
	if !info.Mode().IsRegular() {
		return 0, time.Time{}, errPID
	}
	in, err := os.Open(path)
	if err != nil {
		return 0, time.Time{}, err
	}
	defer func() { _ = in.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(in, maxPIDFile))
	if err != nil {
		return 0, time.Time{}, err
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	switch {
	case err != nil, pid < 1:
		return 0, time.Time{}, errPID
	case pid == os.Getpid():
		return 0, time.Time{}, errOwnPID
	}
	return pid, info.ModTime(), nil
}

// signal tells the process that the pid file names at this moment. Between opening
// the process and telling it, its number cannot become another's where the system
// has handles on processes.
func (h *Hook) signal() error {
	pid, written, err := readPID(h.PIDFile)
	if err != nil {
		return err
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer func() { _ = p.Release() }()
	switch started, told := startOf(pid); {
	case told && started.After(written.Add(clockSlack)):
		return errAnother
	case !told && startsAreTold:
		return cmp.Or(send(p, syscall.Signal(0)), errHidden)
	}
	return send(p, signals[h.Signal])
}

func send(p *os.Process, s os.Signal) error {
	err := p.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return errNoPID
	}
	return err
}

// clockSlack is by how much the time at which a process started may be off: the
// kernel tells when it was booted in whole seconds.
const clockSlack = 2 * time.Second
