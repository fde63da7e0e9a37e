//go:build unix

package local

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// helper is the first argument of this program when it is one of those that the
// tests run.
const helper = "helper"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == helper {
		// At once: a test with the race detector would wait for a second.
		syscall.Exit(help(os.Args[2], os.Args[3:]))
	}
	adoptOrphans()
	goleak.VerifyTestMain(m)
}

// help does what a test wants of a command.
func help(what string, args []string) int {
	switch what {
	case "print":
		fmt.Print(args[0])
	case "environment":
		env := os.Environ()
		slices.Sort(env)
		fmt.Print(strings.Join(env, "\n"))
	case "place":
		dir, err := os.Getwd()
		fmt.Print(dir, err)
	case "stdin":
		text, err := io.ReadAll(os.Stdin)
		fmt.Printf("%q %v", text, err)
	case "exit":
		fmt.Print("out")
		fmt.Fprint(os.Stderr, "err")
		code, _ := strconv.Atoi(args[0])
		return code
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		sleep()
	case "flood":
		signal.Ignore(syscall.SIGPIPE)
		for {
			_, _ = fmt.Println(strings.Repeat("x", 4096))
		}
	case "chatter":
		fmt.Fprint(os.Stderr, strings.Repeat("x", MaxMessages+1))
	case "sleep":
		fmt.Println("asleep")
		sleep()
	case "leave": // a child behind
		fmt.Println(offspring())
	case "stay": // with a child, and tell
		if err := os.WriteFile(args[0], []byte(strconv.Itoa(offspring())), 0o600); err != nil {
			panic(err)
		}
		sleep()
	}
	return 0
}

// offspring starts a child that holds this process's output, and returns its pid
// once it is there.
func offspring() int {
	child := exec.Command(os.Args[0], helper, "sleep")
	child.Stderr = os.Stderr
	ready, err := child.StdoutPipe()
	if err != nil {
		panic(err)
	}
	if err := child.Start(); err != nil {
		panic(err)
	}
	_, _ = ready.Read(make([]byte, 1))
	return child.Process.Pid
}

// sleep lasts longer than any test.
func sleep() { time.Sleep(10 * time.Minute) }
