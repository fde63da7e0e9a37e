package main

import (
	"errors"
	"fmt"
	"os"

	"tokend/actors/local"
	"tokend/config"
	"tokend/system"
)

// exposures says which files of a valid configuration the wrong users can read or
// change, each as "WHERE: what". file is the configuration itself.
func exposures(file string, cfg *config.Config, sys *system.System) []string {
	e := &exposed{directories: map[string]bool{}}
	e.configuration(file, cfg.HoldsSecrets())
	for _, use := range cfg.Uses() {
		e.file(use)
	}
	for _, p := range spots(cfg) {
		if err := p.weakness(); err != nil && !p.given { // it was excused: see byRoot
			e.add(p.key, err.Error())
		}
	}
	for _, sink := range sys.ExposedSinks() {
		if !byRoot(spot{}, sink.Weak) {
			e.add(sink.At, sink.Weak.Error()+": they could put another token there")
		}
	}
	return e.found
}

// exposed collects the findings.
type exposed struct {
	found       []string
	directories map[string]bool // that were told of
}

func (e *exposed) add(at, text string) { e.found = append(e.found, at+": "+text) }

func (e *exposed) configuration(path string, secret bool) {
	seen, err := local.Examine(path)
	e.writers(path, "the configuration", seen, err)
	if r := seen.Read; secret && r != nil && !r.Hidden && !fromRoot(r) {
		e.add(path, r.String()+", and a secret stands in it: make it 0600, or write ${file:…} or ${env:…} instead")
	}
}

func (e *exposed) file(use config.Use) {
	seen, err := local.Examine(use.Path)
	what := use.Path
	if use.Program {
		what = "a program that tokend runs"
	}
	e.writers(use.At, what, seen, err)
	if r := seen.Read; use.Secret && r != nil && !fromRoot(r) {
		e.add(use.At, r.String()+": make it 0600, for the user tokend runs as")
	}
}

// writers tells who else can change a file. Of a directory it is told once, whatever else
// lies there.
func (e *exposed) writers(at, what string, seen local.Exposure, err error) {
	if link, ok := errors.AsType[*local.LinkError](err); ok {
		e.add(at, "others can change "+what+": "+link.Error())
		return
	}
	for _, weak := range seen.Write {
		if e.directories[weak.Path] || serviceOwns(weak) {
			continue
		}
		e.directories[weak.Path] = true
		e.add(at, fmt.Sprintf("others can change %s: %s", what, weak))
	}
}

// fromRoot reports whether a file may well be for the group of the node's user alone: root
// looks, and the group is one of the system's.
func fromRoot(r *local.Readers) bool { return os.Geteuid() == 0 && !r.Everyone && isServiceUser(r.GID) }
