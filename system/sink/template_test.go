package sink

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tokend/messages"
)

func tokens() map[string]messages.Token {
	a, b := token("a", `x"1`, time.Unix(2_000_000_000, 1)), token("b", "it's", time.Time{})
	a.Scopes, a.CreatedAt = []string{"read", "write"}, time.Unix(1, 0)
	return map[string]messages.Token{"a": a, "b": b}
}

func TestTemplates(t *testing.T) {
	for text, want := range map[string]struct {
		made     string
		services string
	}{
		`{{ token }}`:     {`x"1`, "a"},
		`{{ token "b" }}`: {"it's", "b"},
		`[a]{{/* both */}} {{ token }} {{token "b"}}`:       {`[a] x"1 it's`, "a b"},
		`{{ header "b" }} {{ type }}`:                       {"Bearer it's Bearer", "a b"},
		`{{ token "b" | shell }}`:                           {`'it'\''s'`, "b"},
		`{"t": {{ token | json }}}`:                         {`{"t": "x\"1"}`, "a"},
		`{{ base64 (token "b") }}`:                          {"aXQncw==", "b"},
		`{{ json token }}`:                                  {`"x\"1"`, "a"},
		`{{ token | base64 | json }}`:                       {`"eCIx"`, "a"},
		`{{ expires_at }} {{ expires_at_unix }}`:            {"2033-05-18T03:33:20Z 2000000000", "a"},
		`<{{ expires_at "b" }}{{ expires_at_unix "b" }}>`:   {"<>", "b"},
		`{{ created_at }} {{ generation }} {{ scope }}`:     {"1970-01-01T00:00:01Z 1 read write", "a"},
		`{{ fingerprint }}{{ "{{" }}{{ "x" | json }}`:       {`f00{{"x"`, "a"},
		"user:\n  {{- token -}}\n:{{ `raw` }}{{ (token) }}": {`user:x"1:rawx"1`, "a"},
	} {
		c, err := parseTemplate(text, "a")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		made, err := c.render(tokens())
		if err != nil || string(made) != want.made || strings.Join(c.services, " ") != want.services {
			t.Errorf("%s: %q of %q, %v", text, made, c.services, err)
		}
	}
}

func TestTemplatesThatAreNone(t *testing.T) {
	for text, want := range map[string]error{
		``:                                 errNoTokens,
		`canary`:                           errNoTokens,
		`{{ "canary" }}`:                   errNoTokens,
		`{{ canary }}`:                     errNoFunction,
		`{{ print "canary" }}`:             errNoFunction,
		`{{ token "canary`:                 errSyntax,
		"x\n{{ }}":                         errSyntax,
		`{{ token 1 }}`:                    errService,
		`{{ token "a" "b" }}`:              errService,
		`{{ "a" | token }}`:                errService,
		`{{ token (json "a") }}`:           errService,
		`{{ json }}`:                       errFilter,
		`{{ json "a" "b" }}`:               errFilter,
		`{{ token | json "b" }}`:           errFilter,
		`{{ json shell }}`:                 errFilter,
		`{{ 1 }}`:                          errTakesCalls,
		`{{ . }}`:                          errTakesCalls,
		`{{ .A }}`:                         errTakesCalls,
		`{{ $x := token }}`:                errTakesCalls,
		`{{ token | "x" }}`:                errSyntax,
		`{{ json 1 }}`:                     errTakesCalls,
		`{{ "a" "b" }}`:                    errTakesCalls,
		`{{ if token }}canary{{ end }}`:    errTakesCalls,
		`{{ range 9 }}canary{{ end }}`:     errTakesCalls,
		`{{ with token }}{{ . }}{{ end }}`: errTakesCalls,
		`{{ template "sink" }}`:            errTakesCalls,
		`{{ define "canary" }}x{{ end }}`:  errTakesCalls,
		`{{ block "canary" . }}x{{ end }}`: errTakesCalls,
		`{{ (token).Value }}`:              errTakesCalls,
		strings.Repeat("x", maxTemplate+1): errTemplateSize,
	} {
		_, err := parseTemplate(text, "a")
		if !errors.Is(err, want) {
			t.Errorf("%.40s: %v, want %v", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%.40s: quoted: %v", text, err)
		}
	}
}

func TestAMistakeInATemplateHasItsLine(t *testing.T) {
	if _, err := parseTemplate("a\nb\n{{ token", "a"); err == nil || !strings.HasPrefix(err.Error(), "line 3: ") {
		t.Errorf("err = %v", err)
	}
}

// FuzzTemplate looks for a template that is found good and then fails, that comes to
// too much, or that reads a service it does not tell of.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{`{{ token }}`, `a{{ token "b" | json }}`, `{{ base64 (header "a") }}`, `{{ if token }}x{{ end }}`, `{{ (token) }}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseTemplate(text, "a")
		if err != nil {
			return
		}
		used := map[string]messages.Token{}
		for _, name := range c.services {
			used[name] = token(name, "x", time.Time{})
		}
		one, err := c.render(used)
		if err != nil && !errors.Is(err, errTooLarge) {
			t.Fatalf("%q: %v", text, err)
		}
		for _, name := range []string{"a", "b"} {
			if !slices.Contains(c.services, name) {
				used[name] = token(name, "another", time.Time{})
			}
		}
		two, _ := c.render(used)
		if string(one) != string(two) {
			t.Fatalf("%q depends on more than %q", text, c.services)
		}
	})
}
