package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// write puts a file into dir and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func environ(entries ...string) func() []string {
	return func() []string { return entries }
}

func testSource(t *testing.T) *source {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "plain", "from file")
	write(t, dir, "newline", "line\n")
	write(t, dir, "newlines", "line\n\n")
	write(t, dir, "crlf", "line\r\n")
	write(t, dir, "empty", "\n")
	write(t, dir, "large", strings.Repeat("x", maxText+1))
	write(t, dir, "largest", strings.Repeat("x", maxText))
	return &source{dir: dir, lookup: environment(environ("A=one", "EMPTY=", "EQ=a=b", "REF=${env:A}"))}
}

func TestTemplateResolves(t *testing.T) {
	s := testSource(t)
	for name, tc := range map[string]struct{ template, want string }{
		"nothing to resolve":             {"plain text", "plain text"},
		"empty":                          {"", ""},
		"a variable":                     {"${env:A}", "one"},
		"a variable between text":        {"<${env:A}>", "<one>"},
		"two references":                 {"${env:A}${file:plain}", "onefrom file"},
		"a value with an equals sign":    {"${env:EQ}", "a=b"},
		"an empty variable":              {"x${env:EMPTY}y", "xy"},
		"a value is not a template":      {"${env:REF}", "${env:A}"},
		"a relative file":                {"${file:plain}", "from file"},
		"an absolute file":               {"${file:" + filepath.Join(s.dir, "plain") + "}", "from file"},
		"a file loses one newline":       {"${file:newline}", "line"},
		"a file loses only one newline":  {"${file:newlines}", "line\n"},
		"a file loses a Windows newline": {"${file:crlf}", "line"},
		"an escaped reference":           {"$${env:A}", "${env:A}"},
		"a dollar before an escape":      {"$$${x", "$${x"},
		"lone dollars":                   {"$ $$ $x $}", "$ $$ $x $}"},
		"an escape next to a reference":  {"$${${env:A}", "${one"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.expand(tc.template)
			if err != nil || got != tc.want {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestTemplateErrorsNameTheReferenceOnly(t *testing.T) {
	s := testSource(t)
	const usage = "a reference is ${env:NAME} or ${file:PATH}; write $${ for a literal ${"
	for name, tc := range map[string]struct{ template, want string }{
		"an unset variable":   {"canary${env:NONE}", "${env:NONE}: not set"},
		"a missing file":      {"canary${file:none}", "${file:none}: no such file or directory"},
		"a directory":         {"${file:.}", "${file:.}: not a regular file"},
		"a large file":        {"${file:large}", "${file:large}: larger than 1 MiB"},
		"a large result":      {"${file:largest}canary", "resolves to more than 1 MiB"},
		"an unknown scheme":   {"${canary:x}", usage},
		"no scheme":           {"${canary}", usage},
		"no name":             {"${env:}", usage},
		"no end":              {"${env:canary", usage},
		"a control character": {"${env:canary\n}", usage},
		"a command":           {"${exec:canary canary}", "${exec:…}: may stand in vault.keys only; elsewhere write ${env:NAME} or ${file:PATH}, and for a command that prints a token take provider exec"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.expand(tc.template)
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestSecretIsReadAnew(t *testing.T) {
	path := write(t, t.TempDir(), "secret", "old\n")
	s := NewSecret("${file:" + path + "}")
	if got, err := s.Resolve(); err != nil || got.Reveal() != "old" {
		t.Fatalf("got %q, %v", got.Reveal(), err)
	}
	write(t, filepath.Dir(path), "secret", "new\n")
	if got, err := s.Resolve(); err != nil || got.Reveal() != "new" {
		t.Fatalf("got %q, %v", got.Reveal(), err)
	}
	write(t, filepath.Dir(path), "secret", "\n")
	if got, err := s.Resolve(); err == nil || !got.IsZero() {
		t.Fatalf("an emptied file: got %q, %v", got.Reveal(), err)
	}
}

func TestZeroSecretIsNotSet(t *testing.T) {
	for name, s := range map[string]Secret{"zero": {}, "of an empty template": NewSecret("")} {
		if got, err := s.Resolve(); !s.IsZero() || err != nil || !got.IsZero() {
			t.Errorf("%s: %v, %v", name, s.IsZero(), err)
		}
	}
	if NewSecret("x").IsZero() {
		t.Error("a secret that is set counts as not set")
	}
}

func TestSecretIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Secret{}); size > 16 {
		t.Errorf("a Secret takes %d bytes", size)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"", "${env:A}", "$${", "$$${env:A}", "${file:plain}", "${", "${env:}", "a${x:y}b", "$$", "${exec:a b}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, template string) {
		if strings.Contains(template, "${file:") {
			return // would read whatever file the input names
		}
		s := &source{lookup: environment(environ("A=one"))}
		got, err := s.expand(template)
		if err != nil && got != "" {
			t.Errorf("a text beside the error %v", err)
		}
		if !strings.Contains(template, "${") && len(template) <= maxText && got != template {
			t.Errorf("%q without a reference became %q", template, got)
		}
		escaped := strings.ReplaceAll(template, "${", "$${")
		if back, err := s.expand(escaped); len(template) <= maxText && (err != nil || back != template) {
			t.Errorf("%q escaped is %q and came back as %q, %v", template, escaped, back, err)
		}
	})
}
