package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"tokend/actors/local"
)

// source is where references are resolved. It is immutable and shared by all
// texts of a configuration.
type source struct {
	dir    string                      // where relative paths start; empty: the working directory
	lookup func(string) (string, bool) // finds a variable; nil: the process's environment
}

// process resolves what Go literals refer to.
var process = &source{}

// value returns what a reference stands for.
func (s *source) value(scheme, name string) (string, error) {
	switch scheme {
	case "env":
		return s.variable(name)
	case "file":
		return s.file(name)
	default:
		return "", errExecHere
	}
}

func (s *source) variable(name string) (string, error) {
	lookup := s.lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, ok := lookup(name)
	if !ok {
		return "", errors.New("not set")
	}
	return value, nil
}

// file returns a file's text without the newline that most editors end it with, and
// without the byte order mark that some begin it with.
func (s *source) file(path string) (string, error) {
	text, err := local.ReadFile(s.path(path), maxText)
	if err != nil {
		return "", err
	}
	plain, _ := local.Unmarked(text)
	return newline(string(plain)), nil
}

// path returns path as seen from the source's directory.
func (s *source) path(path string) string {
	if path == "" || s.dir == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.dir, path)
}

// place gives the relative paths of a struct that was decoded the directory that they
// start at.
func (s *source) place(decoded any) {
	switch p := decoded.(type) {
	case *Service:
		s.placeService(p)
	case *TLS:
		s.placeAll(&p.CAFile, &p.CertFile, &p.KeyFile)
	case *ListenerTLS:
		s.placeAll(&p.CertFile, &p.KeyFile, &p.ClientCAFile)
	case *Audit:
		if p.Path != AuditStdout {
			s.placeAll(&p.Path)
		}
	case *Sink:
		s.placeAll(&p.Path, &p.TemplateFile)
	case *Signal:
		s.placeAll(&p.PIDFile)
	case *Vault:
		s.placeAll(&p.Path)
	}
}

func (s *source) placeService(svc *Service) {
	if svc.File != nil {
		s.placeAll(&svc.File.Path)
	}
	if svc.Exec != nil {
		if s.placeAll(&svc.Exec.Dir); svc.Exec.Dir == "" {
			svc.Exec.Dir = s.dir
		}
	}
}

func (s *source) placeAll(paths ...*string) {
	for _, path := range paths {
		*path = s.path(*path)
	}
}

// environment returns a look-up in what environ lists.
func environment(environ func() []string) func(string) (string, bool) {
	if environ == nil {
		return nil
	}
	return func(name string) (string, bool) {
		for _, entry := range environ() {
			if key, value, ok := strings.Cut(entry, "="); ok && key == name {
				return value, true
			}
		}
		return "", false
	}
}
