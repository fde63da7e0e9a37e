// Package pauses stops nodes in the middle of a refresh, cuts them off from their
// identity provider, and looks at what that does to logins and callers. Nodes are
// processes of their own, which TOKEND_PROGRAM may name; without it one is built.
package pauses

import (
	"flag"
	"os"
	"testing"
	"time"

	"tokend/tests/fakes/program"
)

const (
	// programEnv names a program to test instead of the one that is built.
	programEnv = "TOKEND_PROGRAM"
	// roundsEnv says how many pauses there are; without it, a few side by side.
	roundsEnv = "TOKEND_PAUSES"

	// patience only bounds a test that fails.
	patience = time.Minute
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "20") // they wait nearly all the time
	os.Exit(program.Run(m))
}

func tokend(t *testing.T) string {
	t.Helper()
	if file := os.Getenv(programEnv); file != "" {
		return file
	}
	return program.File(t)
}
