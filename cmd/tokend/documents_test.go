package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every command of the documents is run by a story of testdata, or it stands in one
// of these lists. So whoever writes a new one has to say what becomes of it.

// stands is what stories have in place of what documents have.
var stands = strings.NewReplacer(
	"go run ./cmd/tokend ", "tokend ",
	"127.0.0.1:7460", "127.0.0.1:$PORT",
	"/run/tokend/tokend.sock", "$SOCK",
	"/tmp/", "",
	"/etc/", "etc/",
	"/usr/local/bin/", "usr/local/bin/",
)

// placeholders are words that documents leave to the reader.
var placeholders = map[*regexp.Regexp]string{
	regexp.MustCompile(`\bSERVICE\b`): "billing",
	regexp.MustCompile(`\bFILE\b`):    "tokend.yaml",
	regexp.MustCompile(`\bNAME\b`):    "ci",
	regexp.MustCompile(` …$`):         "",
}

// differently are commands that stories run with another address, key or file.
var differently = map[string]string{
	"go run ./cmd/tokend dev --write-config /tmp/demo.yaml":                   "tokend dev --listen http://127.0.0.1:$PORT --write-config $SOCK-demo.yaml",
	"tokend get billing --addr https://tokend.example:7461 --key-file ci.key": "tokend get billing --ca-file ca.pem --key-file ci.key",
	`exec tokend get registry --output docker-credential "$1"`:                "docker-credential-forge get",
	"curl -H @FILE": "curl -s -H @header http://127.0.0.1:$PORT/healthz",
	"curl -s -N -H 'Last-Event-ID: 1' 'http://127.0.0.1:7460/v1/events?service=billing'": "curl -s -N -H 'Last-Event-ID: 1' 'http://127.0.0.1:$PORT/v1/events?service=billing' >events",
}

// byOthers are commands that another test runs: its file, and its name.
var byOthers = map[string][2]string{
	"go mod init host.example":                                     {"tests/readme_test.go", "TestTheProgramOfTheReadmeRuns"},
	"go mod edit -require=tokend@v0.0.0 -replace=tokend=../tokend": {"tests/readme_test.go", "TestTheProgramOfTheReadmeRuns"},
	"go run .":                                             {"tests/readme_test.go", "TestTheProgramOfTheReadmeRuns"},
	"go doc -all tokend/system":                            {"tests/readme_test.go", "TestTheGoCommandsOfTheDocuments"},
	"go test ./tests -run TestP1 -v":                       {"tests/readme_test.go", "TestTheGoCommandsOfTheDocuments"},
	"go test -run - -bench Scrape ./system/metrics":        {"tests/readme_test.go", "TestTheGoCommandsOfTheDocuments"},
	"promtool check rules deploy/prometheus/rules.yml":     {"tests/e2e/deploy_test.go", "TestPrometheusAcceptsMetricsAndRules"},
	"promtool test rules deploy/prometheus/rules_test.yml": {"tests/e2e/deploy_test.go", "TestPrometheusAcceptsMetricsAndRules"},

	"unshare --mount sh -c 'mkdir -p /run/credentials/tokend.service && mount --bind /etc/tokend/secrets /run/credentials/tokend.service && exec tokend vault verify --config /etc/tokend/tokend.yaml'": {"tests/e2e/units_test.go", "TestTheUnitsUnderSystemd"},

	"systemd-analyze security --offline=true deploy/systemd/tokend.service": {"tests/e2e/deploy_test.go", "TestSystemdAcceptsTheUnits"},
}

// notRun are commands that no test runs, and why.
var notRun = map[string]string{
	`export PATH="$PWD/bin:$PATH" BILLING_SECRET=x ERP_PASSWORD=y`:     "sets the variables of a shell; the story readme has them by env",
	`export PATH="$PWD/bin:$PATH" TOKEND_ADDR=unix:///tmp/tokend.sock`: "the same",
	"umask 077":                     "sets the mode of the shell's files; a check would warn without it",
	"cat >/tmp/tokend.yaml <<'EOF'": "the story readme has the text that follows by excerpt",
	"go mod tidy":                   "asks the network; the test has tokend's own go.sum",
	"go doc -http":                  "serves until it is stopped, and opens a browser",
	"systemctl daemon-reload":       "wants a running systemd",
	"systemctl enable --now tokend.socket tokend.service": "wants a running systemd",
	"systemctl restart tokend.service":                    "wants a running systemd",
	"systemctl status tokend":                             "wants a running systemd",
	"openssl x509 -noout -subject -nameopt RFC2253":       "says how openssl writes a name, which tests of certificates have",
}

// ran returns the commands that stories run and that do not end with wrong usage.
func ran(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		story, _, _ := strings.Cut(readText(t, name), "\n-- ")
		for line := range strings.Lines(story) {
			if m := runs.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
				all = append(all, spoken(m[1]))
			}
		}
	}
	return all
}

var (
	runs  = regexp.MustCompile(`^(?:\[[^\]]*\] )?(?:exec|exits 1) (.*?)(?: &\w*&?)?$`)
	shell = regexp.MustCompile(`^sh -c '(.*)'$`)
)

// spoken returns a command without what only the quoting of a story and that of a
// document differ in.
func spoken(command string) string {
	if m := shell.FindStringSubmatch(command); m != nil {
		command = m[1]
	}
	return strings.NewReplacer("'", "", `"`, "").Replace(command)
}

// TestEveryCommandOfTheDocumentsIsRun looks whether stories run what the documents
// say. What stands in a block is run as it is. A command within a line may be part of
// one that is run, for there it is often only named.
func TestEveryCommandOfTheDocumentsIsRun(t *testing.T) {
	names, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(names) < 11 {
		t.Fatalf("%v, documents %q", err, names)
	}
	b := &book{t: t, ran: ran(t), makefile: readText(t, "../../Makefile"), used: map[string]bool{}}
	for _, name := range append(names, "../../README.md") {
		b.check(name, readText(t, name))
	}
	if b.count["a story"] < 70 || b.count["make"] < 8 {
		t.Errorf("too few commands are found: %v", b.count)
	}
	t.Logf("what runs the commands of the documents: %v", b.count)
	for command := range listed() {
		if !b.used[command] {
			t.Errorf("no document has %q, which is listed here", command)
		}
	}
}

// listed returns what the lists have.
func listed() map[string]bool {
	all := map[string]bool{}
	for command := range differently {
		all[command] = true
	}
	for command := range byOthers {
		all[command] = true
	}
	for command := range notRun {
		all[command] = true
	}
	return all
}

// book keeps account of commands.
type book struct {
	t        *testing.T
	ran      []string
	makefile string
	used     map[string]bool // of the lists
	count    map[string]int
}

func (b *book) check(name, text string) {
	b.t.Helper()
	for _, command := range blockCommands(text) {
		if !b.accounted(name, command) && !slices.Contains(b.ran, b.story(command)) {
			b.t.Errorf("%s: no story runs %q", name, command)
		}
	}
	for _, command := range lineCommands(text) {
		if !b.accounted(name, command) && !slices.ContainsFunc(b.ran, partOf(b.story(command))) {
			b.t.Errorf("%s: no story runs anything like %q", name, command)
		}
	}
}

// accounted reports whether something else than a story has the command.
func (b *book) accounted(name, command string) bool {
	b.t.Helper()
	by := "a story"
	defer func() { b.counts(by) }()
	if target, ok := strings.CutPrefix(command+" ", "make "); ok {
		by = "make"
		if target = strings.TrimSpace(target); target != "" && !strings.Contains(b.makefile, "\n"+target+": ") {
			b.t.Errorf("%s: there is no target %q", name, target)
		}
		return true
	}
	if test, ok := byOthers[command]; ok {
		by, b.used[command] = "another test", true
		if !strings.Contains(readText(b.t, filepath.Join("../..", test[0])), "\nfunc "+test[1]+"(t *testing.T)") {
			b.t.Errorf("%s: %s has no %s to run %q", name, test[0], test[1], command)
		}
		return true
	}
	if notRun[command] != "" {
		by, b.used[command] = "nobody", true
		return true
	}
	return false
}

func (b *book) counts(by string) {
	if b.count == nil {
		b.count = map[string]int{}
	}
	b.count[by]++
}

// story returns the command as a story has it.
func (b *book) story(command string) string {
	if other, ok := differently[command]; ok {
		b.used[command] = true
		return spoken(other)
	}
	for word, by := range placeholders {
		command = word.ReplaceAllString(command, by)
	}
	return spoken(stands.Replace(command))
}

// partOf reports whether a command has all words of another, in their order.
func partOf(other string) func(command string) bool {
	return func(command string) bool {
		words := strings.Fields(other)
		for word := range strings.FieldsSeq(command) {
			if len(words) > 0 && word == words[0] {
				words = words[1:]
			}
		}
		return len(words) == 0
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

// blockCommands returns the lines of the blocks of commands, less comments and
// here-documents.
func blockCommands(text string) (commands []string) {
	inBlock, here := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case here:
			here = line != "EOF"
		case strings.HasPrefix(line, "```"):
			inBlock = line == "```sh"
		case inBlock && line != "":
			command, _, _ := strings.Cut(line, " # ")
			commands = append(commands, strings.TrimSpace(command))
			here = strings.HasSuffix(command, "<<'EOF'")
		}
	}
	return commands
}

var (
	blocks  = regexp.MustCompile("(?ms)^```.*?^```$")
	inTicks = regexp.MustCompile("`((?:exec )?(?:tokend|git|curl|make|go|systemctl|promtool|docker|kubectl|openssl|npm|sh|sudo) [^`]*)`")
	choice  = regexp.MustCompile(`\S+\|\S+`)
)

// lineCommands returns the commands with an argument that stand in ticks within a
// line. One with a choice is several.
func lineCommands(text string) (commands []string) {
	for _, m := range inTicks.FindAllStringSubmatch(blocks.ReplaceAllString(text, ""), -1) {
		command := strings.Join(strings.Fields(m[1]), " ")
		for word := range strings.SplitSeq(choice.FindString(command), "|") {
			commands = append(commands, choice.ReplaceAllLiteralString(command, word))
		}
	}
	return commands
}

// A command that nobody has decided about is found, wherever it stands.
func TestANewCommandOfADocumentIsFound(t *testing.T) {
	for text, want := range map[string]string{
		"```sh\ntokend frob x   # why\n```\n":              `["tokend frob x"] []`,
		"```sh\ncat >x <<'EOF'\ntokend y\nEOF\nz a\n```\n": `["cat >x <<'EOF'" "z a"] []`,
		"```yaml\ntokend: x\n```\n":                        `[] []`,
		"Say `tokend frob\nx`.":                            `[] ["tokend frob x"]`,
		"Say `tokend frob a|b`, `tokend` or `git pull`.":   `[] ["tokend frob a" "tokend frob b" "git pull"]`,
	} {
		if got := fmt.Sprintf("%q %q", blockCommands(text), lineCommands(text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if has := partOf("tokend get --output x"); !has("tokend get billing --output x -m") || has("tokend get billing --output y") || has("tokend --output get x") {
		t.Error("parts of a command are not told from others")
	}
}
