package main

import (
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"
)

// becomeNode makes the process one that keeps tokens, before it has any. A
// terminal that is closed does not stop it, and no crash writes its memory to a
// file. The function tells the log, once there is one, if that cannot be had.
func (p program) becomeNode() (tell func(logrus.FieldLogger)) {
	signal.Ignore(syscall.SIGHUP)
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
