package sink

import (
	"errors"
	"testing"
	"time"
)

func TestSpecsThatCannotBe(t *testing.T) {
	known := func(name string) bool { return name == "billing" }
	for name, c := range map[string]struct {
		spec Spec
		key  string
	}{
		"a relative path":  {Spec{Path: "token"}, "path"},
		"an unknown user":  {Spec{Path: t.TempDir() + "/token", Owner: "no-such-user-here"}, "owner"},
		"another signal":   {Spec{Path: t.TempDir() + "/token", Hook: &Hook{PIDFile: "/x", Signal: "KILL"}}, "on_change.signal.signal"},
		"a bad template":   {Spec{Path: t.TempDir() + "/token", Format: FormatTemplate, Template: "{{"}, "template"},
		"another service":  {Spec{Path: t.TempDir() + "/token", Format: FormatTemplate, Template: `{{ token "canary" }}`}, "template"},
		"none of its kind": {Spec{Path: t.TempDir() + "/token", Format: FormatTemplate, Template: `{{ token "Bad Name" }}`}, "template"},
	} {
		c.spec.Service = "billing"
		_, err := New(c.spec, known)
		if e, ok := errors.AsType[*KeyError](err); !ok || e.Key != c.key || e.Error() != e.Key+": "+e.Problem {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSameSinks(t *testing.T) {
	path := t.TempDir() + "/token"
	made := func(change func(*Spec)) *Sink {
		spec := Spec{Service: "billing", Path: path, Format: FormatToken, Mode: 0o600, Hook: &Hook{Exec: []string{"/bin/true"}, Timeout: time.Second}}
		change(&spec)
		s, err := New(spec, func(string) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one := made(func(*Spec) {})
	if !one.Same(made(func(*Spec) {})) || one.Same(nil) || (*Sink)(nil).Same(one) {
		t.Error("a sink is the same as itself alone")
	}
	if one.Same(made(func(s *Spec) { s.Mode = 0o640 })) || one.Same(made(func(s *Spec) { s.Hook = &Hook{Exec: []string{"/bin/false"}, Timeout: time.Second} })) {
		t.Error("two that differ are the same")
	}
	if one.Service() != "billing" || one.Path() != path {
		t.Error("it is another one")
	}
}
