package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// serving returns the address of a node that answers with body.
func serving(t *testing.T, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	t.Cleanup(server.Close)
	return server.URL
}

func TestServicesAreCompleted(t *testing.T) {
	const services = `{"services":[{"service":"billing","state":"fresh"},{"service":"bills","state":"due"},{"service":"erp"},{"service":"evil\u001b[2J"}]}`
	tests := map[string]struct {
		body string
		line []string
		want string
	}{
		"all":                      {services, []string{"get", ""}, "billing\nbills\nerp\n:4\n"},
		"those that begin so":      {services, []string{"info", "bil"}, "billing\nbills\n:4\n"},
		"of a refresh":             {services, []string{"refresh", "e"}, "erp\n:4\n"},
		"of an invalidation":       {services, []string{"invalidate", "e"}, "erp\n:4\n"},
		"one only":                 {services, []string{"get", "billing", ""}, ":4\n"},
		"several":                  {services, []string{"watch", "billing", "b"}, "bills\n:4\n"},
		"a flag's value":           {services, []string{"get", "billing", "--output", ""}, "token\nheader\njson\nnetrc\ngit-credential\ndocker-credential\nexec-credential\n:4\n"},
		"another flag's":           {services, []string{"list", "--output", ""}, "text\njson\n:4\n"},
		"of an exec":               {services, []string{"exec", "b"}, "billing\nbills\n:4\n"},
		"of its second":            {services, []string{"exec", "billing", "b"}, "bills\n:4\n"},
		"after a variable":         {services, []string{"exec", "billing", "A=billing", "B=bi"}, "B=billing\nB=bills\n:4\n"},
		"a command":                {services, []string{"exec", "billing", "--", "b"}, ":0\n"},
		"an argument of it":        {services, []string{"exec", "billing", "--", "cat", "b"}, ":0\n"},
		"what a change does":       {services, []string{"exec", "--on-change", ""}, "file\nsignal\nrestart\n:4\n"},
		"what a command is given":  {services, []string{"exec", "--output", ""}, "token\nheader\n:4\n"},
		"how long to wait":         {services, []string{"get", "--wait", ""}, "10s\n30s\n1m\n5m\n:4\n"},
		"how long for an answer":   {services, []string{"watch", "--timeout", ""}, "5s\n30s\n1m\n:4\n"},
		"a user":                   {services, []string{"list", "--socket-owner", ""}, ":4\n"},
		"a service, with a wait":   {services, []string{"get", "--wait", "1h", "e"}, "erp\n:4\n"},
		"a level":                  {services, []string{"serve", "--log-level", ""}, "error\nwarn\ninfo\ndebug\n:4\n"},
		"a format of the log":      {services, []string{"serve", "--log-format", ""}, "text\njson\n:4\n"},
		"a shell":                  {services, []string{"completion", "z"}, "zsh\n:4\n"},
		"where there is no tokend": {"<html>", []string{"get", ""}, ":4\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			line := append([]string{"__completeNoDesc"}, tt.line...)
			if tt.line[0] != "completion" && tt.line[0] != "serve" {
				line = slices.Insert(line, 2, "--addr", serving(t, tt.body))
			}
			if got := printed(t, line...); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCompletionIsSilentWhereThereIsNoNode(t *testing.T) {
	for _, addr := range []string{"unix:///nowhere/at/all", "ftp://nowhere"} {
		if got := printed(t, "__completeNoDesc", "get", "--addr", addr, ""); got != ":4\n" {
			t.Errorf("%s: %q", addr, got)
		}
	}
}

// printed runs a command and returns what it prints to stdout.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	p := program{stdout: &out, stderr: &bytes.Buffer{}, getenv: func(string) string { return "" }}
	if code := run(t.Context(), p, args); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	return out.String()
}

func TestServicesOfAConfigurationAreCompleted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	text := "services: {erp: {provider: static, token: a}, erp-mail: {provider: static, token: b}, hr: {provider: static, token: c}}"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for begun, want := range map[string]string{"": "erp\nerp-mail\nhr\n:4\n", "erp": "erp\nerp-mail\n:4\n", "x": ":4\n"} {
		if got := printed(t, "__completeNoDesc", "check", "--config", file, "--service", begun); got != want {
			t.Errorf("%q: got %q, want %q", begun, got, want)
		}
	}
	for _, file := range []string{"", filepath.Join(t.TempDir(), "nowhere")} {
		if got := printed(t, "__completeNoDesc", "check", "--config", file, "--service", ""); got != ":4\n" {
			t.Errorf("got %q of a file that is not there", got)
		}
	}
}
