package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"
)

// becomeNode makes the process one that keeps tokens, before it has any. Who reads its
// lines can neither stop it nor end it, and no crash writes its memory to a file. The
// function tells the log, once there is one, if that cannot be had.
func (p program) becomeNode() (tell func(logrus.FieldLogger)) {
	outliveReaders()
	if o, ok := p.stderr.(*outlet); ok {
		o.coloured = p.paintFor(o).colour
		o.queue()
	}
	var err error
	if p.noCoreDumps != nil {
		err = p.noCoreDumps()
	}
	return func(log logrus.FieldLogger) {
		if err != nil {
			log.WithError(err).Warn("core dumps cannot be turned off: a crash may write tokens to a file")
		}
	}
}

// outliveReaders makes writing to a reader that is gone an error, and not the end of the
// process. The signal is not ignored: programs that the node starts would inherit that.
func outliveReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// untilHangup returns a context that ends when the terminal does, unless the process was
// started to outlive that, as by nohup.
func untilHangup(ctx context.Context) (context.Context, context.CancelFunc) {
	if signal.Ignored(syscall.SIGHUP) {
		return ctx, func() {}
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}

// auditTo returns where an audit to stdout is written. The audit has a queue of its own.
func auditTo(stdout io.Writer) io.Writer { return steady{beneath(stdout)} }
