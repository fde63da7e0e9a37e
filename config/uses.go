package config

import (
	"cmp"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"tokend/actors/local"
)

// Use is a file that the node reads, runs or trusts the content of.
type Use struct {
	At      string // where the configuration names it, such as services.billing
	Path    string
	Secret  bool // whoever reads it knows a secret
	Program bool
}

// Uses returns the files that the configuration names and that are not written, sorted,
// each once for each place. Programs are those that can be told without a secret.
func (c *Config) Uses() []Use {
	var all uses
	keys := finder{}
	keys.value(reflect.ValueOf(c.Vault.Keys))
	all.add(Use{At: "vault.keys", Secret: true}, slices.Collect(maps.Keys(keys))...)
	for _, k := range c.Vault.Keys {
		all.add(Use{At: "vault.keys", Program: true}, k.programs()...)
	}
	for i, l := range c.Listen {
		if l.TLS != nil {
			at := join(item("listen", i), "tls")
			all.add(Use{At: join(at, "key_file"), Secret: true}, l.TLS.KeyFile)
			all.add(Use{At: at}, l.TLS.CertFile, l.TLS.ClientCAFile)
		}
	}
	for name, svc := range c.Services {
		all.service(join("services", name), &svc)
	}
	slices.SortFunc(all, func(a, b Use) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Path, b.Path)) })
	return slices.Compact(all)
}

type uses []Use

func (u *uses) add(like Use, paths ...string) {
	for _, path := range paths {
		if path != "" {
			like.Path = path
			*u = append(*u, like)
		}
	}
}

func (u *uses) service(at string, s *Service) {
	var public []string // files of which everyone may know
	if s.TLS != nil {
		public = []string{s.TLS.CAFile, s.TLS.CertFile}
	}
	u.add(Use{At: join(at, "tls")}, public...)
	u.add(Use{At: at, Secret: true}, slices.DeleteFunc(s.Files(), func(path string) bool { return slices.Contains(public, path) })...)
	if s.Exec != nil && len(s.Exec.Command) > 0 {
		u.add(Use{At: join(at, "exec.command"), Program: true}, s.Exec.Command[0].program())
	}
	if s.Sinks == nil {
		return
	}
	for i, sink := range *s.Sinks {
		here := item(join(at, "sinks"), i)
		u.add(Use{At: join(here, "template_file")}, sink.TemplateFile)
		if sink.OnChange == nil {
			continue
		}
		if len(sink.OnChange.Exec) > 0 {
			u.add(Use{At: join(here, "on_change.exec"), Program: true}, found(sink.OnChange.Exec[0]))
		}
		if sink.OnChange.Signal != nil {
			u.add(Use{At: join(here, "on_change.signal.pid_file")}, sink.OnChange.Signal.PIDFile)
		}
	}
}

// program returns the path of the program that the text names, empty if a reference says
// which that is: it may be secret.
func (s Secret) program() string {
	if s.IsZero() {
		return ""
	}
	if template := s.ref.get().template; !strings.Contains(template, "$") {
		return found(template)
	}
	return ""
}

// programs returns the paths of the programs that a key of the vault comes from.
func (s Secret) programs() []string {
	if s.IsZero() {
		return nil
	}
	var all []string
	_, _ = expand(s.ref.get().template, func(scheme, name string) (string, error) {
		if argv, err := arguments(name); scheme == "exec" && err == nil {
			all = append(all, found(argv[0]))
		}
		return "", nil
	})
	return all
}

// found returns the absolute path of a program, empty if there is none.
func found(name string) string {
	path, err := local.Program(name)
	if err != nil && filepath.IsAbs(name) {
		return name
	}
	return path
}
