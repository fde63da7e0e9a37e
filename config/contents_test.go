package config

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestFilesAreThoseThatSecretsAndTLSReferTo(t *testing.T) {
	at := &source{dir: "/etc/tokend"}
	ref := func(template string) Secret { return newSecret(template, at) }
	for name, c := range map[string]struct {
		service Service
		want    []string
	}{
		"nothing":                      {Service{}, nil},
		"a literal":                    {Service{Static: &Static{Token: ref("a $${file:x} b")}}, nil},
		"a variable":                   {Service{Static: &Static{Token: ref("${env:A}")}}, nil},
		"a relative path":              {Service{Static: &Static{Token: ref("${file:a}")}}, []string{"/etc/tokend/a"}},
		"an absolute path":             {Service{Static: &Static{Token: ref("${file:/run/a}")}}, []string{"/run/a"}},
		"one of a literal":             {Service{Static: &Static{Token: NewSecret("${file:a}")}}, []string{"a"}},
		"two in one text":              {Service{Static: &Static{Token: ref("${file:b}:${file:a}")}}, []string{"/etc/tokend/a", "/etc/tokend/b"}},
		"no template":                  {Service{Static: &Static{Token: ref("${file:a}${")}}, []string{"/etc/tokend/a"}},
		"an embedded grant":            {Service{RefreshToken: &RefreshToken{OAuth: OAuth{ClientSecret: ref("${file:a}")}, RefreshToken: ref("${file:a}")}}, []string{"/etc/tokend/a"}},
		"a map":                        {Service{ClientCredentials: &ClientCredentials{Params: Secrets{"x": ref("${file:b}"), "y": ref("${file:a}"), "z": {}}}}, []string{"/etc/tokend/a", "/etc/tokend/b"}},
		"a tree":                       {Service{Options: newTree(map[string]any{"x": []any{"${file:a}", 1, nil}}, at)}, []string{"/etc/tokend/a"}},
		"a request":                    {Service{Login: &Login{Request: Request{URL: ref("https://${file:a}/"), JSON: newTree([]any{"${file:b}"}, at)}}}, []string{"/etc/tokend/a", "/etc/tokend/b"}},
		"a sink, which does not count": {Service{Sinks: &[]Sink{{Template: ref("${file:a}")}}}, nil},
		"a file of a token":            {Service{File: &File{Path: "/run/a"}}, []string{"/run/a"}},
		"TLS":                          {Service{TLS: &TLS{CAFile: "c", CertFile: "a", KeyFile: "b", ServerName: "d"}}, []string{"a", "b", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.service.Files(); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestFilesOfWhatWasLoadedStartAtTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	text := `services: {a: {provider: client_credentials, token_url: "https://idp.example/", client_id: "${file:id}", client_secret: "${file:secret}"}}`
	for name, content := range map[string]string{"id": "me", "secret": "hush", "c.yaml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := Load(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := cfg.Services["a"]
	if got, want := s.Files(), []string{filepath.Join(dir, "secret")}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestReadFileReadsWhatAReferenceStandsFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(file, []byte("hush\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := ReadFile(file); text != "hush" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := ReadFile(t.TempDir()); err == nil {
		t.Error("a directory was read")
	}
}

func TestAByteOrderMarkIsNoPartOfASecret(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"plain": "secret\n", "utf8": "\ufeffsecret\r\n", "utf16": "\xff\xfes\x00e\x00c\x00r\x00e\x00t\x00\n\x00", "utf16be": "\xfe\xff\x00s\x00e\x00c\x00r\x00e\x00t",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ref := func(name string) Secret { return NewSecret("${file:" + filepath.Join(dir, name) + "}") }
	cfg := &Config{Services: map[string]Service{}}
	for _, name := range []string{"plain", "utf8", "utf16", "utf16be"} {
		if got, err := ref(name).Resolve(); err != nil || got.Reveal() != "secret" {
			t.Errorf("%s: %q, %v", name, got.Reveal(), err)
		}
		cfg.Services[name] = Service{Static: &Static{Token: ref(name)}}
	}
	cfg.Vault.Keys = []Secret{ref("utf8"), ref("nowhere")}
	want := []string{filepath.Join(dir, "utf16"), filepath.Join(dir, "utf16be"), filepath.Join(dir, "utf8")}
	if got := cfg.Marked(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
