package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// inTicks are commands within a line: those with an argument.
var inTicks = regexp.MustCompile("`((?:exec )?(?:tokend|git|curl) [^`]*)`")

// differently are commands that the stories run in another place, with another key
// or at another address.
var differently = map[string]string{
	"(umask 077; tokend vault key new >/etc/tokend/vault.key)":                "(umask 077; tokend vault key new >etc/vault.key)",
	"tokend get billing --addr https://tokend.example:7461 --key-file ci.key": "tokend get billing --ca-file ca.pem --key-file ci.key",
}

// TestTheCommandsOfTheDocumentsAreRun looks whether the stories have every command of
// these documents.
func TestTheCommandsOfTheDocumentsAreRun(t *testing.T) {
	var told strings.Builder
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		told.WriteString(readText(t, name))
	}
	for name, least := range map[string]int{"access": 2, "check": 2, "doors": 8, "vault": 5} {
		commands := commandsOf(readText(t, "../../docs/"+name+".md"))
		if len(commands) < least {
			t.Errorf("only %d commands are found in docs/%s.md: %q", len(commands), name, commands)
		}
		for _, command := range commands {
			if other := differently[command]; other != "" {
				command = other
			}
			if !strings.Contains(told.String(), command) {
				t.Errorf("docs/%s.md: no story runs %q", name, command)
			}
		}
	}
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// commandsOf returns the lines of the blocks of commands, less comments, and the
// commands in the table of credential helpers.
func commandsOf(text string) (commands []string) {
	inBlock, helpers := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			inBlock = line == "```sh"
		case inBlock && line != "":
			command, _, _ := strings.Cut(line, " # ")
			commands = append(commands, strings.TrimSpace(command))
		case strings.HasPrefix(line, "## "):
			helpers = line == "## A credential helper"
		case helpers:
			for _, found := range inTicks.FindAllStringSubmatch(line, -1) {
				commands = append(commands, found[1])
			}
		}
	}
	return commands
}
