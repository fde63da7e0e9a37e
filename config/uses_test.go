package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A use is told by where it stands, and says whether it is secret or a program.
func TestTheFilesThatAConfigurationUses(t *testing.T) {
	dir, self := t.TempDir(), os.Args[0]
	in := func(name string) string { return filepath.Join(dir, name) }
	ref := func(name string) Secret { return NewSecret("${file:" + in(name) + "}") }
	cfg := &Config{
		Vault:  Vault{Keys: []Secret{ref("vault.key"), NewSecret("${exec:" + self + "}")}},
		Listen: []Listener{{TLS: &ListenerTLS{CertFile: in("l.pem"), KeyFile: in("l.key")}}},
		Services: map[string]Service{
			"a": {
				ClientCredentials: &ClientCredentials{ClientSecret: ref("secret")},
				TLS:               &TLS{CAFile: in("ca.pem"), KeyFile: in("tls.key")},
				Sinks: &[]Sink{
					{OnChange: &OnChange{Exec: []string{self}}},
					{TemplateFile: in("template"), OnChange: &OnChange{Signal: &Signal{PIDFile: in("pid")}}},
				},
			},
			"b": {File: &File{Path: in("token")}},
			"c": {Exec: &Exec{Command: []Secret{NewSecret(self), ref("argument")}}},
			"d": {Exec: &Exec{Command: []Secret{NewSecret("${env:HOME}")}}}, // that may be secret
		},
	}
	var got []string
	for _, u := range cfg.Uses() {
		name := filepath.Base(u.Path)
		if u.Path == self {
			name = "PROGRAM"
		}
		got = append(got, u.At+" "+name+map[bool]string{true: " secret"}[u.Secret]+map[bool]string{true: " program"}[u.Program])
	}
	want := []string{
		"listen[0].tls l.pem", "listen[0].tls.key_file l.key secret",
		"services.a secret secret", "services.a tls.key secret",
		"services.a.sinks[0].on_change.exec PROGRAM program",
		"services.a.sinks[1].on_change.signal.pid_file pid", "services.a.sinks[1].template_file template",
		"services.a.tls ca.pem",
		"services.b token secret", "services.c argument secret", "services.c.exec.command PROGRAM program",
		"vault.keys PROGRAM program", "vault.keys vault.key secret",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSecretsThatStandInTheConfiguration(t *testing.T) {
	literal, reference := NewSecret("s3cret"), NewSecret("${env:SECRET}")
	for name, c := range map[string]struct {
		cfg  Config
		want bool
	}{
		"nothing":               {Config{}, false},
		"a token":               {of(Service{Static: &Static{Token: literal}}), true},
		"a token by reference":  {of(Service{Static: &Static{Token: reference}}), false},
		"a part of one":         {of(Service{Static: &Static{Token: NewSecret("a${env:B}")}}), false},
		"an escaped reference":  {of(Service{Static: &Static{Token: NewSecret("a$${env:B}")}}), true},
		"a client secret":       {of(Service{ClientCredentials: &ClientCredentials{ClientSecret: literal}}), true},
		"a password":            {of(Service{Password: &Password{Password: literal}}), true},
		"a key of the vault":    {Config{Vault: Vault{Keys: []Secret{reference, literal}}}, true},
		"the URL of a login":    {of(Service{Login: &Login{Request: Request{URL: literal}}}), false},
		"a field of a form":     {of(Service{Login: &Login{Request: Request{Form: Secrets{"grant_type": literal}}}}), false},
		"a password in a form":  {of(Service{Login: &Login{Request: Request{Form: Secrets{"userPassword": literal}}}}), true},
		"an argument":           {of(Service{Exec: &Exec{Command: []Secret{literal, literal}}}), false},
		"the options of a host": {of(Service{Options: NewTree(map[string]any{"password": "a"})}), false},
	} {
		if got := c.cfg.HoldsSecrets(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func of(s Service) Config { return Config{Services: map[string]Service{"a": s}} }
