package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is where the module lies, seen from here.
const root = ".."

// Groups of packages that stand beside each other.
var (
	values = []string{"messages"}
	local  = "actors/local" // below all that read files, run commands or write somewhere
	pure   = append(slices.Clone(values), "actors/schedule")
	parts  = append(slices.Clone(pure), "actors/provider", "actors/vault", "actors/gate", "actors/publisher")
	actors = append(slices.Clone(parts), "actors/token", "actors/supervisor")
)

// arrows says which packages of the module each package may import. What is not
// a key is not part of the house.
var arrows = map[string][]string{
	"messages":               nil,
	"actors/local":           nil,
	"config":                 append(slices.Clone(values), local),
	"actors/schedule":        values,
	"actors/provider":        append(slices.Clone(pure), local),
	"actors/vault":           pure,
	"actors/vault/disk":      append(slices.Clone(pure), "actors/vault", local),
	"actors/vault/vaulttest": append(slices.Clone(pure), "actors/vault"),
	"actors/gate":            append(slices.Clone(pure), "actors/vault"),
	"actors/publisher":       pure,
	"actors/token":           parts,
	"actors/supervisor":      append(slices.Clone(parts), "actors/token"),
	"system":                 append(slices.Clone(actors), "config", "actors/vault/disk", "system/sink"),
	"system/sink":            append(slices.Clone(values), local, "system/httpapi"),
	"system/access":          values,
	"system/access/audit":    append(slices.Clone(values), "system/access", local),
	"system/httpapi":         append(slices.Clone(values), "system/access", local),
	"system/metrics":         {"messages", "actors/token", "system", "system/httpapi", "system/sink"},
}

// owners says which packages alone may import some libraries, tests aside.
var owners = map[string][]string{
	"github.com/asynkron/protoactor-go": {"actors/gate", "actors/publisher", "actors/token", "actors/supervisor", "system"},
	"github.com/coreos/go-systemd":      {"cmd/..."},
	"github.com/knadh/koanf":            {"config"},
	"github.com/luikyv/go-oidc":         {"cmd/..."},
	"github.com/prometheus":             {"system/metrics"},
	"go.etcd.io/bbolt":                  {"actors/vault/disk"},
}

// source is one Go file that is no test.
type source struct {
	dir, name string // relative to the module
	file      *ast.File
}

// sources parses the module's Go files whose name is accepted.
func sources(t *testing.T, accept func(name string) bool) []source {
	t.Helper()
	var found []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := p != root && strings.HasPrefix(d.Name(), ".")
		if d.IsDir() && (hidden || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || hidden || path.Ext(p) != ".go" || !accept(d.Name()) {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, p)
		found = append(found, source{filepath.ToSlash(filepath.Dir(relative)), d.Name(), file})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }
func isCode(name string) bool { return !isTest(name) }

func (s source) imports(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, spec := range s.file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}

// under reports whether the package lies in one of the directories.
func under(dir string, parents []string) bool {
	return slices.ContainsFunc(parents, func(p string) bool { return dir == p || strings.HasPrefix(dir, p+"/") })
}

func TestArrowsRunOneWay(t *testing.T) {
	for _, s := range sources(t, isCode) {
		if under(s.dir, []string{"cmd", "tests"}) {
			continue // they stand to the right of everything
		}
		allowed, known := arrows[s.dir]
		if !known {
			t.Errorf("%s: a package that the map does not know", s.dir)
			continue
		}
		for _, imported := range s.imports(t) {
			if inner, ok := strings.CutPrefix(imported, "tokend/"); ok && !slices.Contains(allowed, inner) {
				t.Errorf("%s/%s imports %s", s.dir, s.name, imported)
			}
		}
	}
}

func TestLibrariesStayWhereTheyBelong(t *testing.T) {
	for _, s := range sources(t, isCode) {
		for _, imported := range s.imports(t) {
			for library, packages := range owners {
				if strings.HasPrefix(imported, library) && !owned(s.dir, packages) {
					t.Errorf("%s/%s imports %s", s.dir, s.name, imported)
				}
			}
		}
	}
}

// owned reports whether the package is one of the owners, or below one that ends
// in "/...".
func owned(dir string, packages []string) bool {
	return under(dir, []string{"tests"}) || slices.ContainsFunc(packages, func(p string) bool {
		above, tree := strings.CutSuffix(p, "/...")
		return dir == p || tree && under(dir, []string{above})
	})
}

func TestMessagesNeedTheStandardLibraryAlone(t *testing.T) {
	for _, s := range sources(t, isCode) {
		for _, imported := range s.imports(t) {
			first, _, _ := strings.Cut(imported, "/")
			if s.dir == "messages" && (strings.Contains(first, ".") || first == "tokend") {
				t.Errorf("messages/%s imports %s", s.name, imported)
			}
		}
	}
}

func TestEveryPackageHasOneDocComment(t *testing.T) {
	documented := map[string][]string{}
	for _, s := range sources(t, func(string) bool { return true }) {
		names := documented[s.dir]
		if s.file.Doc != nil && strings.TrimSpace(s.file.Doc.Text()) != "" {
			names = append(names, s.name)
		}
		documented[s.dir] = names // also without one
	}
	for dir, files := range documented {
		if len(files) != 1 {
			t.Errorf("%s has %d package doc comments: %q", dir, len(files), files)
		}
	}
}

func TestTheTopLevelIsFixed(t *testing.T) {
	allowed := []string{
		"actors", "messages", "system", "config", "cmd", "tests", "go.mod", "go.sum",
		"Makefile", "README.md", "LICENSE", "CHANGELOG.md", "docs", "deploy",
		"bin", // made by make build, not tracked
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s stands at the top level", e.Name())
		}
	}
}
