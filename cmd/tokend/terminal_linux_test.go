package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal returns both ends of a pseudo terminal: what types at it, and what a
// program has.
func terminal(t *testing.T) (typing, has *os.File) {
	t.Helper()
	typing, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = typing.Close() })
	number, err := unix.IoctlGetInt(int(typing.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(typing.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		has, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = has.Close() })
	return typing, has
}

// holds waits until the file has so many lines.
func holds(t *testing.T, file string, lines int) string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile(file) // until it is there
		if strings.Count(string(text), "\n") >= lines {
			return string(text)
		}
		if time.Now().After(end) {
			t.Fatalf("it holds %q", text)
		}
	}
}

// A key such as Ctrl+C reaches the command once: from the terminal, whose foreground
// it is in as tokend is, and not from tokend again. What the command reads is not
// always that terminal.
func TestAKeyReachesTheCommandOnce(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"access_token":"one","token_type":"Bearer","service":"a","fingerprint":"1"}`)
	}))
	defer srv.Close()
	for name, stdin := range map[string]func(has *os.File) io.Reader{
		"from the terminal":   func(has *os.File) io.Reader { return has },
		"from somewhere else": func(*os.File) io.Reader { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			typing, has := terminal(t)
			file := filepath.Join(t.TempDir(), "heard")
			cmd := exec.Command("tokend", "exec", "--addr", srv.URL, "--file", "a", "--", "child", "count", file)
			cmd.Stdin, cmd.ExtraFiles = stdin(has), []*os.File{has}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			holds(t, file, 1)
			const keys = 8 // two signals at once can be one
			for n := range keys {
				if _, err := typing.Write([]byte{3}); err != nil { // Ctrl+C
					t.Fatal(err)
				}
				holds(t, file, n+2)
			}
			_ = cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			if got := strings.Count(holds(t, file, 1), "interrupt\n"); got != keys {
				t.Errorf("the command was interrupted %d times, want %d", got, keys)
			}
		})
	}
}
