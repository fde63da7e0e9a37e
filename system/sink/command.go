package sink

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// afterKill is how long to wait for a program that was killed.
const afterKill = time.Second

// runCommand runs a program for at most timeout; what it prints is dropped. One that
// takes longer, or is running when ctx ends, is killed with its children, as far as
// they have stayed in its process group. Unlike a command whose output is wanted, see
// package local, one that ends by itself may leave processes behind, and print as much
// as it likes: to start or restart something is what hooks are for.
func runCommand(ctx context.Context, argv, env []string, timeout time.Duration) error {
	late := errors.New("did not end within " + timeout.String() + ", and was killed")
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, late)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.WaitDelay = env, afterKill
	apart(cmd)
	err := cmd.Run()
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("ended with %s", e.ProcessState)
	}
	return err
}
