package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"time"

	"tokend/system/httpapi"
)

// child is a command that is run with tokens.
type child struct {
	file     string
	args     []string
	holder   *holder
	complain io.Writer
	unwell   bool // the node does not answer as it should, which was told
}

// killAfter is how long a command may take to end before it is started again.
const killAfter = 10 * time.Second

// supervise runs the command until it ends by itself, and does to it what is to be
// done when a token changes.
func (c *child) supervise(ctx context.Context, e *execCommand) error {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn()...)
	defer signal.Stop(signals)
	// A signal is the command's to obey: it does not end what is done here.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	news := make(chan news)
	var watching sync.WaitGroup
	watching.Go(func() { c.watch(ctx, news) })
	defer watching.Wait()
	defer cancel()
	for {
		again, err := c.runOnce(e, signals, news)
		if !again {
			return err
		}
	}
}

// news is what came of asking for the tokens once more.
type news struct {
	tokens []httpapi.Token
	err    error
	taken  chan<- struct{} // closed when they are taken up: only then the next poll is planned
}

// watch asks for the tokens again and again until ctx ends.
func (c *child) watch(ctx context.Context, to chan<- news) {
	for {
		timer := time.NewTimer(c.holder.poll(time.Now()))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		tokens, err := c.holder.fetch(ctx)
		taken := make(chan struct{})
		select {
		case to <- news{tokens: tokens, err: err, taken: taken}:
			<-taken
		case <-ctx.Done():
			return
		}
	}
}

// runOnce runs the command once. It returns true if it is to be run again.
func (c *child) runOnce(e *execCommand, signals <-chan os.Signal, news <-chan news) (again bool, err error) {
	cmd := c.command()
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		defer pin()() // until the command has ended, which would not outlive the thread
		err := cmd.Start()
		if started <- err; err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return false, &failure{exit: exitNoProgram, code: "not_executable", err: err}
	}
	var kill <-chan time.Time
	for {
		select {
		case err := <-ended:
			return again, exitOf(err)
		case <-kill:
			_ = cmd.Process.Kill() // it has ended if that fails, which is told above
		case s := <-signals:
			again = again && !ends(s)
			if !alreadyHas(s) {
				_ = cmd.Process.Signal(s)
			}
		case n := <-news:
			changed := c.hear(n)
			close(n.taken)
			switch {
			case !changed:
			case e.onChange == onChangeSignal:
				_ = cmd.Process.Signal(e.send)
			case e.onChange == onChangeRestart && !again:
				again, kill = true, time.After(killAfter)
				_ = terminate(cmd.Process)
			}
		}
	}
}

func (c *child) command() *exec.Cmd {
	return &exec.Cmd{
		Path: c.file, Args: c.args, Env: c.holder.environ(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		SysProcAttr: bound(),
	}
}

// hear takes news up and reports whether a token has changed. Of a node that does
// not answer it tells once: the command has what it has.
func (c *child) hear(n news) (changed bool) {
	if n.err == nil {
		changed, n.err = c.holder.adopt(n.tokens)
	}
	if n.err != nil && !c.unwell {
		report(c.complain, n.err)
	}
	c.unwell = n.err != nil
	return changed && n.err == nil
}

// exitOf returns the exit of a command that has ended.
func exitOf(err error) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return nil
	case ok:
		return reported(exitCode(exit.ProcessState))
	default:
		return internal(err)
	}
}
