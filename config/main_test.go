package config

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "helper" {
		// At once: a test with the race detector would wait for a second.
		syscall.Exit(help(os.Args[2], os.Args[3:]))
	}
	goleak.VerifyTestMain(m)
}

// help does what a test wants of a command that prints a key.
func help(what string, args []string) int {
	const key = "q2w3e4r5t6z7u8i9o0p1"
	say := func(text string) int {
		_, _ = fmt.Fprint(os.Stderr, text)
		return 3
	}
	switch what {
	case "print":
		fmt.Print(map[string]string{"line": "line\n", "lines": "line\n\n"}[args[0]])
		say("not today\n")
	case "exit":
		return say("denied\n")
	case "tell":
		fmt.Print(key)
		return say("not " + strings.ToUpper(key[4:]))
	case "other":
		return say("bad " + key + "\tfor " + args[0] + " of kms in /usr/local/share/secrets")
	case "chatter":
		return say(strings.Repeat("no ", 10_000))
	case "long":
		return say(strings.Repeat("no ", 1000) + "more")
	case "flood":
		fmt.Print(strings.Repeat("x", 2<<20))
	case "place":
		dir, _ := os.Getwd()
		fmt.Print(dir)
	case "mark":
		fmt.Print("marked")
		_ = os.WriteFile(args[0], nil, 0o600)
	}
	return 0
}
