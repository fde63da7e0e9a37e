package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"tokend/actors/local"
)

// Files returns the paths of the files whose contents decide how the service gets
// its token: those that references in [Secret], [Secrets] and [Tree] lead to, and
// those of TLS. They are sorted, each once, and nil if there is none. Another
// content of one of them is another credential; see [Service.Equal] for what is
// another configuration.
//
// A reference anywhere else was resolved when the configuration was loaded, and is
// not among them.
func (s *Service) Files() []string {
	f, acquiring := finder{}, *s
	acquiring.Sinks = nil // what becomes of the token decides nothing
	f.value(reflect.ValueOf(&acquiring).Elem())
	return slices.Sorted(maps.Keys(f))
}

// ReadFile returns what ${file:PATH} stands for: the text of a regular file of at
// most 1 MiB, without one trailing newline and without a byte order mark. Its error
// does not name the file.
func ReadFile(path string) (string, error) { return process.file(path) }

// Marked returns the paths of the files that references of services and of the vault
// lead to and that begin with a byte order mark, which is left out of what they stand
// for. Each stands once, and they are sorted.
func (c *Config) Marked() []string {
	var marked []string
	for _, path := range c.references() {
		text, err := local.ReadFile(path, maxText)
		if _, is := local.Unmarked(text); err == nil && is {
			marked = append(marked, path)
		}
	}
	return marked
}

// references returns the files of all services and of the vault, sorted.
func (c *Config) references() []string {
	f := finder{}
	f.value(reflect.ValueOf(c.Vault.Keys))
	for _, s := range c.Services {
		for _, path := range s.Files() {
			f.add(path)
		}
	}
	return slices.Sorted(maps.Keys(f))
}

// finder is the paths that were found.
type finder map[string]struct{}

func (f finder) add(path string) {
	if path != "" {
		f[path] = struct{}{}
	}
}

func (f finder) value(v reflect.Value) {
	if v.IsZero() {
		return
	}
	switch v.Type() {
	case reflect.TypeFor[Secret]():
		ref := v.Interface().(Secret).ref.get()
		f.template(ref.source, ref.template)
		return
	case reflect.TypeFor[Tree]():
		f.tree(v.Interface().(Tree).root.get())
		return
	case reflect.TypeFor[time.Time]():
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		f.value(v.Elem())
	case reflect.Struct:
		f.fields(v)
	case reflect.Slice:
		for i := range v.Len() {
			f.value(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			f.value(v.MapIndex(key))
		}
	}
}

// fields looks into what a struct holds. A text whose field is tagged content
// names a file that is read at every acquisition.
func (f finder) fields(v reflect.Value) {
	for i := range v.NumField() {
		field, sf := v.Field(i), v.Type().Field(i)
		if _, ok := sf.Tag.Lookup("content"); ok {
			f.add(field.String())
			continue
		}
		f.value(field)
	}
}

func (f finder) tree(r *root) {
	w := &walker{text: func(template string) (string, error) {
		f.template(r.source, template)
		return template, nil
	}}
	w.copy("", r.value, 0)
}

// template adds what the references of a template lead to, as far as it is one:
// Validate tells where it is not.
func (f finder) template(s *source, template string) {
	if !strings.Contains(template, "${") {
		return
	}
	_, _ = expand(template, func(scheme, name string) (string, error) {
		if scheme == "file" {
			f.add(s.path(name))
		}
		return "", nil
	})
}
