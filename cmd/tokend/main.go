// Command tokend keeps the access tokens of many services fresh and hands them to
// programs on the same machine: see tokend --help.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(realMain()) }

// realMain ends when the first signal has been obeyed. The handler is gone by
// then, so that a second signal ends the process at once.
func realMain() int {
	if isGuard(os.Args) {
		return runGuard(os.Args)
	}
	stdout, stderr := newOutlet(os.Stdout), newOutlet(os.Stderr)
	log.SetOutput(withoutQuotes{stderr})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	p := program{
		stdin: os.Stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv,
		noCoreDumps: noCoreDumps, started: startedAs(os.Args[0]),
		manager: serviceManager, guard: startGuard,
	}
	code := run(ctx, p, os.Args[1:])
	stdout.flush()
	stderr.flush()
	return code
}
