// Package program builds tokend for tests that run it as a process of its own.
package program

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Run runs the tests of a package, removes what they built, and returns the code to
// exit with. It is what TestMain calls.
func Run(m *testing.M) (code int) {
	defer func() {
		if dir != "" {
			_ = os.RemoveAll(dir)
		}
	}()
	return m.Run()
}

// File returns the program, which every user may run. It is built for the first test
// of a package that wants it, and stays until [Run] returns. File may be called
// concurrently.
func File(t testing.TB) string {
	t.Helper()
	file, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

var (
	dir   string // empty: nothing was built
	built = sync.OnceValues(build)
)

func build() (file string, err error) {
	if dir, err = os.MkdirTemp("", "program"); err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // it holds the program alone
		return "", err
	}
	file = filepath.Join(dir, "tokend")
	out, err := exec.CommandContext(context.Background(), "go", "build", "-o", file, "tokend/cmd/tokend").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return file, nil
}
