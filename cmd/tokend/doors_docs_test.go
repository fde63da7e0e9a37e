package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// inTicks are the commands of the table of helpers: those with an argument.
var inTicks = regexp.MustCompile("`((?:exec )?(?:tokend|git|curl) [^`]*)`")

// TestTheCommandsOfTheDoorsAreRun looks whether the story testdata/doors.txt has every
// command of the document.
func TestTheCommandsOfTheDoorsAreRun(t *testing.T) {
	text, err := os.ReadFile("../../docs/doors.md")
	if err != nil {
		t.Fatal(err)
	}
	story, err := os.ReadFile("testdata/doors.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```sh\n")
	block, helpers, _ := strings.Cut(block, "```\n")
	commands := strings.Split(strings.TrimSpace(block), "\n")
	for _, found := range inTicks.FindAllStringSubmatch(helpers, -1) {
		commands = append(commands, found[1])
	}
	if len(commands) < 8 {
		t.Fatalf("only %d commands are found: %q", len(commands), commands)
	}
	for _, command := range commands {
		if !strings.Contains(string(story), command) {
			t.Errorf("testdata/doors.txt does not run %q", command)
		}
	}
}
