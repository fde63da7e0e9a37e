package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// everyCommand returns all commands, those of commands included.
func everyCommand(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, everyCommand(sub)...)
	}
	return all
}

// Whoever asks for help is shown how a command is called and how it ends.
func TestEveryHelpHasAnExampleAndExitCodes(t *testing.T) {
	tells := regexp.MustCompile(`(?m)^Exit codes: `)
	all := everyCommand(newRoot(program{}))
	if len(all) < 20 {
		t.Fatalf("only %d commands are found", len(all))
	}
	story := readText(t, "testdata/help.txt")
	for _, cmd := range all {
		example := regexp.MustCompile(`(?m)^  .*\b` + cmd.CommandPath() + `\b`)
		if !example.MatchString(cmd.Long) {
			t.Errorf("%s --help has no example", cmd.CommandPath())
		}
		if !tells.MatchString(cmd.Long) {
			t.Errorf("%s --help has no exit codes", cmd.CommandPath())
		}
		if asked := "exec " + cmd.CommandPath() + " --help\n"; cmd.Name() != "help" && !strings.Contains(story, asked) {
			t.Errorf("no story looks at what %s --help prints", cmd.CommandPath())
		}
	}
}

// The README says which commands print JSON.
func TestTheReadmeNamesTheCommandsThatPrintJSON(t *testing.T) {
	var want []string
	for _, cmd := range everyCommand(newRoot(program{})) {
		if f := cmd.Flags().Lookup("output"); f != nil && strings.Contains(f.Usage, "json") {
			want = append(want, "`"+strings.TrimPrefix(cmd.CommandPath(), "tokend ")+"`")
		}
	}
	slices.Sort(want)
	last := len(want) - 1
	sentence := "; " + strings.Join(want[:last], ", ") + " and " + want[last] + " take `--output json`;"
	if readme := strings.Join(strings.Fields(readText(t, "../../README.md")), " "); !strings.Contains(readme, sentence) {
		t.Errorf("the README does not say %q", sentence)
	}
}

// A help fits a terminal: its text, its examples and its flags.
func TestHelpFitsATerminal(t *testing.T) {
	const widest = 80
	for _, cmd := range everyCommand(newRoot(program{})) {
		cmd.InitDefaultHelpFlag()
		for line := range strings.Lines(cmd.Long + "\n\n" + cmd.UsageString()) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > widest {
				t.Errorf("%s --help: %q", cmd.CommandPath(), line)
			}
		}
	}
}
