package main

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What puts a token, or a key, into the arguments of a program, which all users of the
// machine can read. A shell's own words are no programs: an assignment, printf and echo.
var (
	substituted = regexp.MustCompile("(?:\\$\\(|`)\\s*(?:tokend (?:get|client new)\\b|cat [^)`]*(?:[Tt]oken|TOKEN|header|\\.key\\b|FILE))[^)`]*[)`]")
	harmless    = regexp.MustCompile("(?:^|[\\s;('\"|&`])(?:[A-Za-z_][A-Za-z0-9_]*=|(?:printf|echo|test|\\[{1,2})\\s[^|;&]*)[\"']?$")
	builtin     = regexp.MustCompile(`(?:^|[\s;('"|&])(?:printf|echo)\s[^|;&]*`)
	expanded    = regexp.MustCompile(`\b(?:curl|wget|http|https|gh|git|docker|kubectl|helm|psql|mysql|redis-cli|grpcurl|ssh|npm|aws|openssl)\s[^|;&]*?[^@|;&]["']?\$\{?[A-Za-z_]*(?:TOKEN|KEY|SECRET|PASSWORD|token)`)
	written     = regexp.MustCompile(`(?:-H|--header)[ =]?["']?(?:Authorization|Cookie|X-[A-Za-z-]*): ?[^"']*(?:\$|tkd_|eyJ)`)
)

// onACommandLine reports whether a line shows a token on a command line.
func onACommandLine(line string) bool {
	if programs := builtin.ReplaceAllString(line, ""); written.MatchString(programs) || expanded.MatchString(programs) {
		return true
	}
	for _, at := range substituted.FindAllStringIndex(line, -1) {
		ends := strings.Count(line[:at[0]], "`")
		if line[at[0]] == '`' && ends%2 == 0 && !strings.Contains(line[:at[0]], "sh -c") {
			continue // a command in a text, as Markdown sets it off
		}
		if !harmless.MatchString(line[:at[0]]) {
			return true
		}
	}
	return false
}

func TestWhatPutsATokenOnACommandLine(t *testing.T) {
	for line, want := range map[string]bool{
		`curl -H "$(tokend get a --output header)" https://a.example`:                   true,
		`curl -H "Authorization: Bearer $(tokend get a)" https://a.example`:             true,
		`curl -H "Authorization: Bearer $TOKEND_TOKEN_A" https://a.example`:             true,
		`curl --header "X-Auth-Token: ${TOKEN}" https://a.example`:                      true,
		`tokend exec a -- sh -c 'curl -u "x:$TOKEND_TOKEN_A" https://a.example'`:        true,
		`kubectl --token=$(tokend get cluster) get pods`:                                true,
		`docker login -p "$(cat run/billing.token)" registry.example`:                   true,
		`gh auth login --with-token $(tokend get forge)`:                                true,
		`psql "password=$DB_TOKEN"`:                                                     true,
		`curl -H "Authorization: Bearer tkd_abc" https://a.example`:                     true,
		`curl -H @<(tokend get a --output header) https://a.example`:                    false,
		`tokend get a --output header | curl -H @- https://a.example`:                   false,
		`curl -H @"$H" https://a.example`:                                               false,
		`curl -H @$TOKEN_FILE https://a.example`:                                        false,
		`TOKEN=$(tokend get a)`:                                                         false,
		`export GH_TOKEN="$(tokend get forge)"`:                                         false,
		`printf 'Authorization: Bearer %s\n' "$(tokend get a)" | curl -H @- https://a/`: false,
		`tokend exec GH_TOKEN=forge -- gh release list`:                                 false,
		"`tokend get billing --output netrc`":                                           false,
		`curl --netrc-file <(tokend get a --output netrc --machine a.example) https://`: false,
	} {
		if got := onACommandLine(line); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

// TestNoRecipePutsATokenOnACommandLine reads all that shows people what to type.
func TestNoRecipePutsATokenOnACommandLine(t *testing.T) {
	texts := map[string]string{}
	for _, cmd := range everyCommand(newRoot(program{})) {
		texts[cmd.CommandPath()+" --help"] = cmd.Long
	}
	for _, place := range []string{"../../README.md", "../../docs", "../../deploy", "../../tests/e2e", "testdata"} {
		err := filepath.WalkDir(place, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && slices.Contains([]string{".md", ".txt", ".yaml", ".yml", ".go", ".sh", ".service", ""}, filepath.Ext(path)) {
				texts[path] = readText(t, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(texts) < 60 {
		t.Fatalf("only %d texts are found", len(texts))
	}
	for name, text := range texts {
		for line := range strings.Lines(text) {
			if onACommandLine(line) {
				t.Errorf("%s shows a token on a command line: %s", name, strings.TrimSpace(line))
			}
		}
	}
}
