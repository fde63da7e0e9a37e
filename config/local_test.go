package config_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tokend/config"
)

func TestPathsOfFilesAndCommandsStartAtTheFile(t *testing.T) {
	dir := t.TempDir()
	text := `
services:
  near: {provider: file, path: run/token, format: json, response: {token: t, token_type: k, expires_in: i, expires_at: a, scope: s}, token_type: ApiKey, scopes: [x]}
  far: {provider: file, path: "${env:ROOT}/token"}
  here: {provider: exec, command: [tool, "${env:ROOT}"], env: {PIN: "${env:ROOT}"}, format: json, token_type: ApiKey, scopes: [x]}
  below: {provider: exec, command: [tool], dir: sub}
`
	c, err := config.Parse([]byte(text), config.WithDir(dir), config.WithEnviron(func() []string { return []string{"ROOT=/run"} }))
	if err != nil {
		t.Fatal(err)
	}
	near := &config.File{
		Path: filepath.Join(dir, "run", "token"), Form: "json", TokenType: "ApiKey", Scopes: []string{"x"},
		Response: config.FileResponse{Token: "t", TokenType: "k", ExpiresIn: "i", ExpiresAt: "a", Scope: "s"},
	}
	if diff := cmp.Diff(near, c.Services["near"].File); diff != "" {
		t.Error(diff)
	}
	if got := c.Services["far"].File.Path; got != "/run/token" {
		t.Error(got)
	}
	here := c.Services["here"].Exec
	if here.Dir != dir || here.Form != "json" || here.TokenType != "ApiKey" || len(here.Scopes) != 1 {
		t.Errorf("%+v", here)
	}
	for _, s := range []config.Secret{here.Command[1], here.Env["PIN"]} {
		if text, err := s.Resolve(); err != nil || text.Reveal() != "/run" {
			t.Errorf("%q, %v", text.Reveal(), err)
		}
	}
	if got := c.Services["below"].Exec.Dir; got != filepath.Join(dir, "sub") {
		t.Error(got)
	}
}

func file(spoil func(f *config.File)) func(c *config.Config) {
	return change("file", func(s *config.Service) { spoil(s.File) })
}

func exec(spoil func(e *config.Exec)) func(c *config.Config) {
	return change("exec", func(s *config.Service) { spoil(s.Exec) })
}

// program makes name the program of a command.
func program(name string) func(c *config.Config) {
	return exec(func(e *config.Exec) { e.Command[0] = config.NewSecret(name) })
}

func variable(name, value string) func(c *config.Config) {
	return exec(func(e *config.Exec) { e.Env = config.Secrets{name: config.NewSecret(value)} })
}

func TestValidateFilesAndCommands(t *testing.T) {
	const programRule = "services.exec.command[0]: must be an absolute path, or a name to look for in PATH"
	checkLiterals(t, map[string]struct {
		spoil func(c *config.Config)
		want  string
	}{
		"a file that is not there":   {file(func(f *config.File) { f.Path = "/canary/none" }), ""},
		"no path":                    {file(func(f *config.File) { f.Path = "" }), "services.file.path: required"},
		"a form of file":             {file(func(f *config.File) { f.Form = "auto" }), "services.file.format: must be one of token, json"},
		"paths in a token":           {file(func(f *config.File) { f.Response.Token = "t" }), "services.file.response: belongs to format json"},
		"a path that is none":        {file(func(f *config.File) { f.Form, f.Response.ExpiresAt = "json", "canary\n" }), "services.file.response.expires_at: holds a control character"},
		"a type of two words":        {file(func(f *config.File) { f.TokenType = "canary x" }), "services.file.token_type: must be a single word of at most 64 characters"},
		"two scopes in one":          {file(func(f *config.File) { f.Scopes = []string{"canary x"} }), "services.file.scopes[0]: must be one scope: printable ASCII without spaces, quotes and backslashes"},
		"a program by its path":      {program("/canary/none"), ""},
		"a program by a relative":    {program("./canary"), programRule},
		"the directory as a program": {program("."), programRule},
		"no program":                 {program(""), "services.exec.command[0]: required"},
		"a program that is not set":  {program("${env:TOKEND_TEST_NONE}"), "services.exec.command[0]: ${env:TOKEND_TEST_NONE}: not set"},
		"no command":                 {exec(func(e *config.Exec) { e.Command = nil }), "services.exec.command: required"},
		"a NUL in an argument":       {exec(func(e *config.Exec) { e.Command[1] = config.NewSecret("canary\x00") }), "services.exec.command[1]: holds a NUL, which no argument or variable can"},
		"a form of output":           {exec(func(e *config.Exec) { e.Form = "canary" }), "services.exec.format: must be one of auto, token, json, exec_credential"},
		"a type of output":           {exec(func(e *config.Exec) { e.TokenType = "canary x" }), "services.exec.token_type: must be a single word of at most 64 characters"},
		"a variable":                 {variable("PIN_1", ""), ""},
		"a variable's name":          {variable("1=canary", "x"), "services.exec.env.1…: is not the name of a variable: letters, digits and underscores, and no digit first"},
		"a NUL in a variable":        {variable("PIN", "canary\x00"), "services.exec.env.PIN: holds a NUL, which no argument or variable can"},
		"a command in a variable":    {variable("PIN", "${exec:canary}"), "services.exec.env.PIN: ${exec:…}: may stand in vault.keys only; elsewhere write ${env:NAME} or ${file:PATH}, and for a command that prints a token take provider exec"},
		"keys of a file":             {change("exec", func(s *config.Service) { s.File = &config.File{} }), "services.exec: has keys that belong to provider file"},
		"keys of a command":          {change("file", func(s *config.Service) { s.Exec = &config.Exec{} }), "services.file: has keys that belong to provider exec"},
	})
}
