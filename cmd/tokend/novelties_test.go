package main

import (
	"strings"
	"testing"

	"tokend/config"
)

func TestTheServicesThatAChangeConcernsAreNamed(t *testing.T) {
	cookie := &config.Login{Response: config.Response{TokenCookie: "SID"}}
	for name, test := range map[string]struct {
		cfg  config.Config
		want []string // lines, without their text; nil: nothing is printed
	}{
		"nothing":         {config.Config{Services: map[string]config.Service{"a": {Provider: config.KindStatic}}}, nil},
		"a place":         {config.Config{Services: map[string]config.Service{"a": {Inject: &config.Inject{Header: "X"}}, "b": {}}}, []string{"inject*: a"}},
		"hosts":           {config.Config{Services: map[string]config.Service{"a": {Hosts: []string{"a.example"}}, "b": {}}}, []string{"hosts apply*: a"}},
		"a cookie":        {config.Config{Services: map[string]config.Service{"a": {Login: cookie}}}, []string{"the end of a cookie*: a"}},
		"of two services": {config.Config{Services: map[string]config.Service{"a": {Login: cookie}, "b": {Login: cookie}}}, []string{"the end of a cookie*: a, b"}},
		"a fallback": {
			config.Config{Services: map[string]config.Service{"a": {
				Provider: config.KindRefreshToken, RefreshToken: &config.RefreshToken{Fallback: &config.Fallback{Login: cookie}},
			}}},
			[]string{"a lost login*: a", "the end of a cookie*: a", "check --acquire skips it: a"},
		},
		"a password in a vault": {
			config.Config{Vault: config.Vault{Path: "v"}, Services: map[string]config.Service{"a": {Password: &config.Password{}}, "b": {ClientCredentials: &config.ClientCredentials{}}}},
			[]string{"a person's refused credentials*: a"},
		},
		"a type in an answer": {config.Config{Services: map[string]config.Service{"a": {Login: &config.Login{Response: config.Response{TokenType: "t"}}}}}, []string{"the type of a token*: a"}},
		"which is declared":   {config.Config{Services: map[string]config.Service{"a": {Login: &config.Login{TokenType: "T", Response: config.Response{TokenType: "t"}}}}}, nil},
		"a type in a file":    {config.Config{Services: map[string]config.Service{"a": {File: &config.File{Form: config.FormatJSON}}}}, []string{"the type of a token*: a"}},
		"a file's, declared":  {config.Config{Services: map[string]config.Service{"a": {File: &config.File{TokenType: "T"}}}}, []string{"token_type counts*: a"}},
		"a command's":         {config.Config{Services: map[string]config.Service{"a": {Exec: &config.Exec{TokenType: "T"}}}}, []string{"token_type counts*: a"}},
		"newest wins":         {config.Config{Services: map[string]config.Service{"a": {NewestWins: true}}}, []string{"check --acquire skips it: a"}},
		"an audit":            {config.Config{Audit: config.Audit{Path: "a"}}, []string{"of refusals*: audit.path"}},
		"many": {
			config.Config{Services: map[string]config.Service{"a": {Login: cookie}, "b": {Login: cookie}, "c": {Login: cookie}, "d": {Login: cookie}, "e": {Login: cookie}, "f": {Login: cookie}, "g": {Login: cookie}}},
			[]string{"the end of a cookie*: a, b, c, d, e and 2 more"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := tellNovelties(&out, &test.cfg); err != nil {
				t.Fatal(err)
			}
			if test.want == nil {
				if out.String() != "" {
					t.Errorf("it says %q", out.String())
				}
				return
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if len(lines) != 1+len(test.want) || !strings.Contains(lines[0], "CHANGELOG") {
				t.Fatalf("it says %q", lines)
			}
			for i, want := range test.want {
				begin, end, _ := strings.Cut(want, "*")
				if line := lines[1+i]; !strings.HasPrefix(line, "  "+begin) || !strings.HasSuffix(line, end) || len(line) > 160 {
					t.Errorf("got %q, want %q", line, want)
				}
			}
		})
	}
}
