package main

import (
	"time"

	"github.com/sirupsen/logrus"
)

// awaitBriefly waits until done is closed, and reports whether it is, but not for a disk
// that hangs: the configuration may lie on one, or the audit.
func awaitBriefly(done <-chan struct{}) bool {
	patience := time.NewTimer(lastAnswers)
	defer patience.Stop()
	select {
	case <-done:
		return true
	case <-patience.C:
		return false
	}
}

// closeBriefly closes an audit. One whose disk or reader hangs is not waited for: it is
// closed when that goes on.
func closeBriefly(closeAudit func(), log logrus.FieldLogger) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		closeAudit()
	}()
	if !awaitBriefly(closed) {
		log.Error("the last lines of an audit have not been written yet: nobody takes them")
	}
}
