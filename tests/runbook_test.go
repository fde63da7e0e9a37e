package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// said are the functions that write to the log at error or warning, or have it
// written, and which of their arguments is the text.
var said = map[string]int{
	"Error": 0, "Warn": 0, "Errorf": 0, "Warnf": 0, // of a logger
	"Report": 0, "report": 0, // to whoever has a logger
	"about":   2,            // complaints of a sink
	"Failing": 0, "Over": 0, // of an audit
}

// saidByName are constants that are written to the log at error or warning.
var saidByName = []string{"textWorn", "openToAll", "textLost"}

// unlogged are receivers whose methods of these names write no log.
var unlogged = []string{"fmt", "status", "errors", "http"}

// runbookTexts returns what the node's code may write to the log at error or warning.
func runbookTexts(t *testing.T) []string {
	t.Helper()
	var texts []string
	for _, dir := range []string{"actors", "system", "cmd"} {
		for _, file := range goFiles(t, filepath.Join(root, dir)) {
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, loggedIn(tree)...)
		}
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

func goFiles(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(p, ".go") && isCode(p) {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func loggedIn(tree *ast.File) (texts []string) {
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if text := loggedBy(n); text != "" {
				texts = append(texts, text)
			}
		case *ast.ReturnStmt: // of what tells an event's level and text
			if len(n.Results) == 2 && isLoud(n.Results[0]) {
				texts = append(texts, literal(n.Results[1]))
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if i < len(n.Values) && slices.Contains(saidByName, name.Name) {
					texts = append(texts, literal(n.Values[i]))
				}
			}
		}
		return true
	})
	return texts
}

func loggedBy(call *ast.CallExpr) string {
	if f, ok := call.Fun.(*ast.Ident); ok && f.Name == "append" && len(call.Args) == 2 && isFound(call.Args[0]) {
		return literal(call.Args[1])
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	at, ok := said[s.Sel.Name]
	if id, named := s.X.(*ast.Ident); !ok || len(call.Args) <= at || named && slices.Contains(unlogged, id.Name) {
		return ""
	}
	return literal(call.Args[at])
}

// isFound reports whether e is where warnings about a configuration are collected.
func isFound(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "found"
}

func isLoud(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	return ok && (s.Sel.Name == "ErrorLevel" || s.Sel.Name == "WarnLevel")
}

// literal returns the text, or what it begins with.
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	case *ast.BinaryExpr:
		return literal(e.X)
	case *ast.CallExpr: // of fmt.Sprintf
		if s, ok := e.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Sprintf" {
			return literal(e.Args[0])
		}
	}
	return ""
}

// variable is what differs from one line to the next, and line ends.
var variable = regexp.MustCompile(`%[a-zA-Z]|\n`)

// Whoever is woken by a line of the log finds it in the runbook.
func TestEveryLogLineThatAlarmsIsInTheRunbook(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	texts := runbookTexts(t)
	if len(texts) < 30 {
		t.Fatalf("only %d texts are found: %q", len(texts), texts)
	}
	for _, one := range texts {
		for _, part := range variable.Split(one, -1) {
			if part = strings.TrimSpace(part); !strings.Contains(string(text), part) {
				t.Errorf("docs/operations.md has no %q", part)
			}
		}
	}
}
