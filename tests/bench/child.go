package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	buildPatience = 5 * time.Minute
	childPatience = 20 * time.Second // until a child says what it is to say
	childDrain    = 10 * time.Second // from when it is told to end until it is killed
)

// build makes the program of a package, given as in the module at that path.
func build(ctx context.Context, module, program, file string) error {
	ctx, cancel := context.WithTimeout(ctx, buildPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-C", module, "-trimpath", "-buildvcs=false", "-o", file, program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", program, err, said)
	}
	return nil
}

// child is a program that runs until it is closed.
type child struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	said   teller
	ended  chan struct{}
}

// newChild returns a program that does not run yet. In a line of what it says find
// finds what is waited for.
func newChild(ctx context.Context, find func(line string) string, file string, args ...string) *child {
	ctx, cancel := context.WithCancel(ctx)
	c := &child{cancel: cancel, said: teller{find: find, found: make(chan string, 1)}, ended: make(chan struct{})}
	c.cmd = exec.CommandContext(ctx, file, args...)
	c.cmd.Stdout, c.cmd.Stderr = &c.said, &c.said
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(os.Interrupt) }
	c.cmd.WaitDelay = childDrain
	return c
}

// start starts the program and returns what was found.
func (c *child) start() (found string, err error) {
	if err := c.cmd.Start(); err != nil {
		c.cancel()
		return "", err
	}
	go func() {
		defer close(c.ended)
		_ = c.cmd.Wait() // who needs it finds out
	}()
	patience := time.NewTimer(childPatience)
	defer patience.Stop()
	select {
	case found := <-c.said.found:
		return found, nil
	case <-c.ended:
		err = fmt.Errorf("has ended: %s", bytes.TrimSpace(c.said.last))
	case <-patience.C:
		err = errors.New("does not say where it listens")
	}
	c.close()
	return "", fmt.Errorf("%s: %w", filepath.Base(c.cmd.Path), err)
}

// close ends a program that was started, and waits for that.
func (c *child) close() {
	c.cancel()
	<-c.ended
}

// teller listens to what a program says until something is found in it.
type teller struct {
	find  func(line string) string // empty: not in this one
	found chan string              // with room for one
	last  []byte                   // line, which may have no end yet
}

// Write is called by one goroutine.
func (t *teller) Write(text []byte) (int, error) {
	for part := range bytes.Lines(text) {
		if bytes.HasSuffix(t.last, []byte("\n")) {
			t.last = t.last[:0]
		}
		t.last = append(t.last, part...)
		if bytes.HasSuffix(part, []byte("\n")) {
			t.tell(t.find(string(t.last)))
		}
	}
	return len(text), nil
}

func (t *teller) tell(found string) {
	if found == "" {
		return
	}
	select {
	case t.found <- found:
	default: // once is enough
	}
}
