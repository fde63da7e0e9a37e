package main

import (
	"cmp"
	"path/filepath"
	"regexp"
	"strings"
)

// builtByGoRun matches where go run puts what it builds: a temporary directory, or
// its cache, whatever the name of that.
var builtByGoRun = regexp.MustCompile(`/(go-build[0-9]*|[0-9a-f]{64}-d)/`)

// startedAs returns the command that starts a program once more whose first
// argument was argument; empty if that was.
func startedAs(argument string) string {
	if argument == "" {
		return ""
	}
	if builtByGoRun.MatchString(filepath.ToSlash(argument)) {
		return "go run ./cmd/tokend"
	}
	return quoted(argument)
}

// command returns how to start the program, for examples to copy.
func (p program) command() string { return cmp.Or(p.started, "tokend") }

// plainWord matches what a shell takes as it stands.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// quoted returns text as one word for a POSIX shell.
func quoted(text string) string {
	if plainWord.MatchString(text) || filepath.Separator != '/' {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
