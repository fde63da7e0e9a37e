package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// patience bounds a test that fails: nothing here takes as long.
const patience = time.Minute

// scratch is where the node is built.
var scratch string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tokend-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// Others run programs here: nginx's workers, git's helpers.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	scratch = dir
	return m.Run()
}

// build makes the node as make build does, once.
var build = sync.OnceValues(func() (string, error) {
	file := filepath.Join(scratch, "tokend")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", file, "./cmd/tokend")
	cmd.Dir, cmd.Env = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, said)
	}
	return file, nil
})

func tokend(t *testing.T) string {
	t.Helper()
	file, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// need returns where the program is, or skips the test.
func need(t *testing.T, program string) string {
	t.Helper()
	file, err := exec.LookPath(program)
	if errors.Is(err, exec.ErrNotFound) {
		// Debian has daemons where only root looks.
		file, err = exec.LookPath(filepath.Join("/usr/sbin", program))
	}
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	return file
}

// place returns a directory that every user may enter, with a path short enough for
// a socket.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// until tries again until cond holds.
func until(t *testing.T, otherwise string, cond func() bool) {
	t.Helper()
	tick, end := time.NewTicker(20*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal(otherwise)
		}
	}
}
