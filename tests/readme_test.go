package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tokend/messages"
	"tokend/system"
)

// documents returns what users read, by its path in the repository.
func documents(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(names) < 10 {
		t.Fatalf("%v, found %q", err, names)
	}
	texts := map[string]string{}
	for _, name := range append(names, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.ToSlash(name)] = string(text)
	}
	return texts
}

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// goOf returns the Go programs in the documents, and what is only a piece of one.
func goOf(t *testing.T) (programs, pieces []string) {
	t.Helper()
	for _, text := range documents(t) {
		for _, m := range goBlock.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(m[1], "package main\n") {
				programs = append(programs, m[1])
			} else {
				pieces = append(pieces, m[1])
			}
		}
	}
	slices.Sort(pieces)
	return programs, pieces
}

// around is what stands around the pieces, in their order: each begins as the key does.
var around = []struct{ begins, before, after string }{
	{"reg.MustRegister(", "func register(reg *prometheus.Registry, sys *system.System) {\n", "}\n"},
	{"reply, err := sys.", "func byMessage(sys *system.System) (any, error) {\n", "return reply, err\n}\n"},
}

const piecesHead = `package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tokend/messages"
	"tokend/system"
	"tokend/system/metrics"
)

var (
	_ = register
	_ = byMessage
)

`

// host makes a clean module that uses tokend, with these files, and builds it.
func host(t *testing.T, files map[string]string) (program string) {
	t.Helper()
	dir := t.TempDir()
	module, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "go.sum"), string(sums)) // in place of go mod tidy, which asks the network
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	program = filepath.Join(dir, "host.exe")
	for _, command := range append(slices.Clone(hostCommands), "go build -o host.exe .") {
		args := strings.Fields(command)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "../tokend", module)
		}
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOSUMDB=off", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	return program
}

// hostCommands are those of the README that make a module use tokend.
var hostCommands = []string{
	"go mod init host.example",
	"go mod edit -require=tokend@v0.0.0 -replace=tokend=../tokend",
}

// The program of the README gets its token and sends it to the service, as far as
// the proxy that stands before the world lets it.
func TestTheProgramOfTheReadmeRuns(t *testing.T) {
	programs, pieces := goOf(t)
	if len(programs) != 1 || len(pieces) != len(around) {
		t.Fatalf("there are %d programs and %d pieces of one", len(programs), len(pieces))
	}
	readme := documents(t)["../README.md"]
	for _, command := range append(slices.Clone(hostCommands), "go run .") {
		if !strings.Contains(readme, "\n"+command) {
			t.Errorf("the README has no %q", command)
		}
	}
	var text strings.Builder
	text.WriteString(piecesHead)
	for i, a := range around {
		if !strings.HasPrefix(pieces[i], a.begins) {
			t.Fatalf("what stands around it? %q", pieces[i])
		}
		text.WriteString(a.before + pieces[i] + a.after)
	}
	program := host(t, map[string]string{
		"main.go": programs[0], "pieces.go": text.String(),
		"tokend.yaml": "services: {billing: {provider: static, token: fixed, hosts: [api.billing.example]}}\n",
	})
	asked := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	run := exec.CommandContext(t.Context(), program)
	run.Dir = filepath.Dir(program)
	run.Env = append(os.Environ(), "HTTPS_PROXY="+proxy.URL, "NO_PROXY=")
	var stderr strings.Builder
	run.Stderr = &stderr
	out, err := run.Output()
	if want := "token of billing, generation 1, fingerprint " + messages.Fingerprint("fixed") + ", fresh\n"; string(out) != want {
		t.Errorf("it says %q, want %q", out, want)
	}
	if err == nil || !strings.Contains(stderr.String(), "Bad Gateway") {
		t.Errorf("it ends with %v: %s", err, &stderr)
	}
	select {
	case got := <-asked:
		if got != "CONNECT api.billing.example:443" {
			t.Errorf("it asks for %q", got)
		}
	default:
		t.Error("it asks for nothing")
	}
}

var (
	ofSystem = regexp.MustCompile(`\bsys\.([A-Z]\w*)`)
	exported = regexp.MustCompile(`\b(system|config|messages|metrics|provider)\.([A-Z]\w*)`)
)

// packages is where the packages are that documents name.
var packages = map[string]string{
	"system": "system", "config": "config", "messages": "messages",
	"metrics": "system/metrics", "provider": "actors/provider",
}

// What documents say about Go is there.
func TestTheDocumentsNameWhatThereIs(t *testing.T) {
	typ, found := reflect.TypeFor[*system.System](), 0
	for name, text := range documents(t) {
		for _, m := range ofSystem.FindAllStringSubmatch(text, -1) {
			found++
			if _, ok := typ.MethodByName(m[1]); !ok {
				t.Errorf("%s: a System has no %s", name, m[1])
			}
		}
		for _, m := range exported.FindAllStringSubmatch(text, -1) {
			found++
			if !slices.Contains(exportedBy(t, packages[m[1]]), m[2]) {
				t.Errorf("%s: package %s has no %s", name, m[1], m[2])
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d names are found", found)
	}
}

// exportedBy returns the names that a package declares.
func exportedBy(t *testing.T, dir string) (names []string) {
	t.Helper()
	for _, s := range sources(t, isCode) {
		if s.dir != dir {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, s.dir, s.name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			names = append(names, declared(d)...)
		}
	}
	return names
}

func declared(d ast.Decl) (names []string) {
	if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
		return []string{f.Name.Name}
	}
	g, ok := d.(*ast.GenDecl)
	if !ok {
		return nil
	}
	for _, spec := range g.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			names = append(names, s.Name.Name)
		case *ast.ValueSpec:
			for _, id := range s.Names {
				names = append(names, id.Name)
			}
		}
	}
	return names
}

var goInTicks = regexp.MustCompile("`(go (?:doc|test) [^`]+)`")

// The go commands of the documents find what they are to show or to run.
func TestTheGoCommandsOfTheDocuments(t *testing.T) {
	shown, run := 0, 0
	for name, text := range documents(t) {
		for _, m := range goInTicks.FindAllStringSubmatch(text, -1) {
			args := strings.Fields(m[1])
			switch {
			case m[1] == "go doc -http": // serves until it is stopped
				continue
			case args[1] == "doc":
				shown++
			default:
				run++
				args = []string{"go", "test", "-list", patternOf(args), packageOf(args)}
			}
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			cmd.Dir = root
			out, err := cmd.CombinedOutput()
			if err != nil || args[1] == "test" && strings.HasPrefix(string(out), "ok") {
				t.Errorf("%s: %s: %v, it finds\n%s", name, m[1], err, out)
			}
		}
	}
	if shown == 0 || run < 2 {
		t.Errorf("%d go doc and %d go test are found", shown, run)
	}
}

// patternOf returns what a go test is to run, that of -bench before that of -run.
func patternOf(args []string) string {
	for _, flag := range []string{"-bench", "-run"} {
		if i := slices.Index(args, flag); i >= 0 {
			return args[i+1]
		}
	}
	return "."
}

func packageOf(args []string) string {
	return args[slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "./") })]
}

var (
	link    = regexp.MustCompile(`\]\(([^):\s]*)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```$")
)

// anchors returns where links into a document can lead.
func anchors(t *testing.T, name, text string) (all []string) {
	t.Helper()
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		anchor := strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")
		anchor = regexp.MustCompile(`[^a-z0-9_-]`).ReplaceAllString(anchor, "")
		if slices.Contains(all, anchor) {
			t.Errorf("%s has two headings %q", name, m[1])
		}
		all = append(all, anchor)
	}
	return all
}

// Every link within the repository leads somewhere.
func TestTheLinksOfTheDocuments(t *testing.T) {
	texts, found := documents(t), 0
	places := map[string][]string{}
	for name, text := range texts {
		places[name] = anchors(t, name, text)
	}
	for name, text := range texts {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			found++
			file, anchor, _ := strings.Cut(m[1], "#")
			to := name
			if file != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(name), file))
			}
			if _, err := os.Stat(to); err != nil || anchor != "" && !slices.Contains(places[to], anchor) {
				t.Errorf("%s: %s leads nowhere", name, m[1])
			}
		}
	}
	if found < 80 {
		t.Errorf("only %d links are found", found)
	}
}
