//go:build unix

package system

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
)

// tools makes programs in a directory that PATH has alone. They print nothing.
func tools(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.Symlink("/bin/cat", filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return dir
}

func parsed(t *testing.T, text string, opts ...config.Option) *config.Config {
	t.Helper()
	cfg, err := config.Parse([]byte(text), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// A program that hangs holds up the services that run it, and no others.
func TestServicesShareABoundByProgram(t *testing.T) {
	dir := tools(t, "one", "two")
	s := newSystem(t, parsed(t, `
services:
  a: {provider: exec, command: [one, a]}
  b: {provider: exec, command: ["`+dir+`/one", b], format: json}
  c: {provider: exec, command: [two]}
  d: {provider: file, path: /run/token}
`))
	defer func() { _ = s.Stop(t.Context()) }()
	for name, want := range map[string]string{"a": "exec:" + dir + "/one", "b": "exec:" + dir + "/one", "c": "exec:" + dir + "/two", "d": ""} {
		if got := gateOf(s.services.Load().services[name]); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// What a reference in a command brings is secret by itself: the program quotes it
// as a part of something else.
func TestP7WhatACommandsReferencesBringDoesNotShow(t *testing.T) {
	tools(t, "tool")
	environ := config.WithEnviron(func() []string { return []string{"PIN=open-sesame-4"} })
	s := newSystem(t, parsed(t, `services: {a: {provider: exec, command: [tool, "/none/${env:PIN}"], env: {LC_ALL: C, PIN: "${env:PIN}"}}}`, environ))
	defer func() { _ = s.Stop(t.Context()) }()
	_, err := provider.Acquire(t.Context(), s.services.Load().services["a"].provider, provider.Request{Service: "a"})
	e := provider.Classify(err)
	if e.Class != messages.ClassTransient || !strings.Contains(e.Text, "exited with code 1: ") || !strings.Contains(e.Text, messages.Redacted) || strings.Contains(e.Text, "sesame") {
		t.Errorf("got %s: %s", e.Class, e.Text)
	}
}

// A command's references may come to nothing after they were checked.
func TestACommandsReferencesAreReadAnew(t *testing.T) {
	tools(t, "tool")
	pin := "PIN=1234"
	environ := config.WithEnviron(func() []string { return []string{pin} })
	s := newSystem(t, parsed(t, `services: {a: {provider: exec, command: [tool, "${env:PIN}"], env: {A: "${env:PIN}"}}}`, environ))
	defer func() { _ = s.Stop(t.Context()) }()
	pin = "OTHER="
	_, err := provider.Acquire(t.Context(), s.services.Load().services["a"].provider, provider.Request{Service: "a"})
	const want = "env.A: ${env:PIN}: not set command[1]: ${env:PIN}: not set"
	if e := provider.Classify(err); e.Class != messages.ClassTransient || e.Text != want {
		t.Errorf("got %s: %s", e.Class, e.Text)
	}
}

func TestAProgramThatThereIsNotIsAMistake(t *testing.T) {
	tools(t)
	_, err := New(parsed(t, "services: {a: {provider: exec, command: [none]}}"))
	const want = "services.a.command[0]: is not in PATH: install it, or give its absolute path"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestAKeysFailureIsToldOnce(t *testing.T) {
	t.Setenv("TOKEND_TEST_KEY", "")
	keys := []config.Secret{config.NewSecret("${env:TOKEND_TEST_KEY}"), config.NewSecret("${exec:/none/such a1}"), {}}
	_, err := New(&config.Config{Vault: config.Vault{Path: filepath.Join(t.TempDir(), "v"), Keys: keys}})
	want := []config.FieldError{
		{Path: "vault.keys[0]", Message: "${env:TOKEND_TEST_KEY}: empty"},
		{Path: "vault.keys[1]", Message: "${exec:…}: the command cannot be run: no such file or directory: is it installed, and its path right?"},
		{Path: "vault.keys[2]", Message: "required"},
	}
	if got := config.Errors(err); len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("%v", err)
	}
}
