package config

import (
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// prefix is what the names of variables start with that set keys.
const prefix = "TOKEND__"

// Option changes what [Load] and [Parse] read besides the file.
type Option func(*options)

type options struct {
	dir     string
	file    string // how mistakes call the file; empty: there is none
	environ func() []string
	flags   map[string]any
	kinds   []string // a host's own; nil: unknown
}

func newOptions(opts []Option) *options {
	o := &options{}
	for _, opt := range opts {
		opt(o)
	}
	return o
}

func (o *options) source() *source {
	return &source{dir: o.dir, lookup: environment(o.environ)}
}

// touched returns the services that a variable or a flag speaks of.
func (o *options) touched() map[string]bool {
	environ := o.environ
	if environ == nil {
		environ = os.Environ
	}
	names := map[string]bool{}
	note := func(keys []string) {
		if len(keys) > 1 && keys[0] == "services" {
			names[keys[1]] = true
		}
	}
	for _, entry := range environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, prefix) {
			note(variableKeys(name))
		}
	}
	for name := range o.flags {
		note(flagKeys(name))
	}
	return names
}

// variableKeys returns the path that the name of a variable stands for.
func variableKeys(name string) []string {
	return strings.Split(strings.ToLower(strings.TrimPrefix(name, prefix)), "__")
}

// flagKeys returns the path that the name of a flag stands for.
func flagKeys(name string) []string { return strings.Split(name, ".") }

// WithDir says where relative paths in the configuration start.
func WithDir(dir string) Option { return func(o *options) { o.dir = dir } }

// withFile names the file that is parsed.
func withFile(path string) Option { return func(o *options) { o.file = path } }

// WithEnviron replaces [os.Environ], both for the variables that set keys and for
// ${env:NAME}. The function may be called at any time, by several goroutines.
func WithEnviron(environ func() []string) Option {
	return func(o *options) { o.environ = environ }
}

// WithFlags adds the outermost layer. Its keys are paths such as log.level or
// listen; a value is a text as in the environment, a []string, bool, int or
// [time.Duration].
func WithFlags(flags map[string]any) Option {
	return func(o *options) { o.flags = flags }
}

// WithKinds says which kinds of provider there are besides the built-in ones, so
// that a service of another kind is a mistake. Without it that shows only when a
// system is made of the configuration.
func WithKinds(kinds ...string) Option {
	return func(o *options) { o.kinds = append(make([]string, 0, len(kinds)), kinds...) }
}

// outer reads the layers over the file, whose keys are flat and whose values
// are text.
type outer struct {
	problems
	exists    func(service string) bool // whether the file has the service
	variables map[string]string         // which variable set the key at a path
}

// variable returns the path in koanf and the value that an environment variable
// sets; an empty path if it sets none.
func (l *outer) variable(name, text string) (string, any) {
	keys := variableKeys(name)
	t := l.target(name, keys)
	if t == nil {
		return "", nil
	}
	path := strings.Join(keys, ".")
	if other, taken := l.variables[path]; taken {
		l.add(max(name, other), "sets the same key as %s", min(name, other))
		return "", nil
	}
	l.variables[path] = name
	if text == "" {
		l.add(label(name), "is empty: unset it to leave %s as it is", label(path))
		return "", nil
	}
	return strings.Join(keys, delimiter), typed(t, text)
}

// target returns the type of the value at keys, nil if it cannot be set from
// outside; then name is reported.
func (l *outer) target(name string, keys []string) reflect.Type {
	t := find(reflect.TypeFor[Config](), keys)
	switch {
	case t == nil || !utf8.ValidString(name):
		l.add(label(name), "there is no key %s%s", label(strings.Join(keys, ".")), meant(keys))
	case !isSettable(t):
		l.add(label(name), "cannot be set from outside the file; only single values and lists can")
	case keys[0] == "services" && !l.exists(keys[1]):
		l.add(label(name), "there is no service %s, and services are made in the file only", label(keys[1]))
	default:
		return t
	}
	return nil
}

// isSettable reports whether a value of type t can be written as one text.
func isSettable(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t != reflect.TypeFor[Tree]() && t != reflect.TypeFor[[]Step]() && t != reflect.TypeFor[[]Sink]() && (isLeaf(t) || t.Kind() == reflect.Slice)
}

// flags returns the flags' values by their paths in koanf.
func (l *outer) flags(flags map[string]any) map[string]any {
	out := make(map[string]any, len(flags))
	for name, raw := range flags {
		keys := flagKeys(name)
		t := l.target(name, keys)
		if t == nil || raw == nil {
			continue
		}
		l.variables[name] = ""
		v, ok := flagValue(t, raw)
		switch {
		case isEmpty(raw):
			l.add(label(name), "is empty: leave it out")
			continue
		case !ok:
			l.add(label(name), "cannot be a %T", raw)
			continue
		}
		out[strings.Join(keys, delimiter)] = v
	}
	return out
}

// isEmpty reports whether a flag's value is nothing, which no key can be.
func isEmpty(raw any) bool {
	list, isList := raw.([]string)
	return raw == "" || isList && len(list) == 0
}

func flagValue(t reflect.Type, raw any) (any, bool) {
	switch v := raw.(type) {
	case string:
		return typed(t, v), true
	case []string:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return list, true
	case bool:
		return v, true
	case int:
		return number(strconv.Itoa(v)), true
	case time.Duration:
		return v.String(), true
	default:
		return nil, false
	}
}

// attribute adds to every problem with a value that a variable has set which one
// that was.
func (l *outer) attribute(found problems) {
	for i := range found {
		path, _, _ := strings.Cut(found[i].Path, "[")
		switch name, ok := l.variables[path]; {
		case !ok:
		case name == "":
			found[i].Message += " (set by a flag)"
		default:
			found[i].Message += " (set by " + name + ")"
		}
	}
}
