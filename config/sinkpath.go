package config

import (
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// sinkLoops checks that no service reads its own sink: every token would be a change of
// what it is acquired with, and another token.
func (v *checker) sinkLoops(c *Config, l links) {
	for name, svc := range c.Services {
		if svc.Sinks == nil {
			continue
		}
		for _, file := range svc.Files() {
			file = l.follow(file)
			for i, s := range *svc.Sinks {
				if s.Path != "" && l.follow(s.Path) == file {
					v.add(join(item(join(join("services", name), "sinks"), i), "path"), "is a file that the service itself reads")
				}
			}
		}
	}
}

// sinkFiles goes through the files of all sinks, each with its path in the
// configuration, in an order that is always the same.
func (c *Config) sinkFiles(l links) func(yield func(at, path string) bool) {
	return func(yield func(at, path string) bool) {
		for _, name := range slices.Sorted(maps.Keys(c.Services)) {
			svc := c.Services[name]
			if svc.Sinks == nil {
				continue
			}
			for i, s := range *svc.Sinks {
				at := item(join(join("services", name), "sinks"), i)
				if s.Path != "" && !yield(join(at, "path"), l.follow(s.Path)) {
					return
				}
			}
		}
	}
}

// taken are the files that a configuration names, each with what for.
type taken struct {
	files map[string]string
	links links
}

func (t taken) note(what string, paths ...string) {
	for _, path := range paths {
		if path != "" {
			t.files[t.links.follow(path)] = what
		}
	}
}

// taken returns the files that are in use besides those that are written.
func (c *Config) taken(l links) map[string]string {
	t := taken{map[string]string{}, l}
	keys := finder{}
	keys.value(reflect.ValueOf(c.Vault.Keys))
	t.note("a key of the vault", slices.Collect(maps.Keys(keys))...)
	for i := range c.Listen {
		t.listener(&c.Listen[i])
	}
	for _, svc := range c.Services {
		t.service(&svc)
	}
	return t.files
}

func (t taken) listener(l *Listener) {
	if socket, ok := strings.CutPrefix(l.Address, "unix://"); ok {
		t.note("a listener", socket, socket+".lock")
	}
	if l.TLS != nil {
		t.note("a TLS setting", l.TLS.CertFile, l.TLS.KeyFile, l.TLS.ClientCAFile)
	}
}

func (t taken) service(s *Service) {
	if s.TLS != nil {
		t.note("a TLS setting", s.TLS.CAFile, s.TLS.CertFile, s.TLS.KeyFile)
	}
	if s.Sinks == nil {
		return
	}
	for _, sink := range *s.Sinks {
		t.note("a template", sink.TemplateFile)
		if sink.OnChange != nil && sink.OnChange.Signal != nil {
			t.note("a pid", sink.OnChange.Signal.PIDFile)
		}
	}
}

// links are directories, and where they lead: many files lie in few of them, and the
// file system is asked once for each.
type links map[string]string

// follow returns where a path leads, a link at its end not followed: that is what a
// sink replaces.
func (l links) follow(path string) string {
	whole, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	dir := filepath.Dir(whole)
	leads, known := l[dir]
	if !known {
		if leads, err = filepath.EvalSymlinks(dir); err != nil {
			leads = dir
		}
		l[dir] = leads
	}
	return filepath.Join(leads, filepath.Base(whole))
}
