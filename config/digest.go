package config

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Digest writes to h what tells two services apart that [Service.Equal] finds
// different, in a form that the next process writes too. Templates are part of it
// with the secrets that stand in them, so h should be keyed, and its sum be all
// that is kept.
func (s *Service) Digest(h hash.Hash) { (&digester{h}).value(reflect.ValueOf(s).Elem()) }

type digester struct{ h hash.Hash }

// text writes a text so that no two lists of texts are written alike.
func (d *digester) text(s string) {
	_, _ = d.h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s)))) // a Hash never fails
	_, _ = d.h.Write([]byte(s))
}

func (d *digester) value(v reflect.Value) {
	switch v.Type() {
	case reflect.TypeFor[redacted]():
		return
	case reflect.TypeFor[Secret]():
		ref := v.Interface().(Secret).ref.get()
		d.text(ref.source.meaning(ref.template))
		return
	case reflect.TypeFor[Tree]():
		d.tree(v.Interface().(Tree).root.get())
		return
	case reflect.TypeFor[time.Time]():
		d.text(v.Interface().(time.Time).UTC().Format(time.RFC3339Nano))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		d.value(v.Elem())
	case reflect.Struct:
		d.fields(v)
	case reflect.Slice:
		d.text(fmt.Sprint(v.Len()))
		for i := range v.Len() {
			d.entry(v.Index(i))
		}
	case reflect.Map:
		d.entries(v)
	default:
		d.text(fmt.Sprint(v.Interface()))
	}
}

// fields writes what is set, by name: a field that a later version adds changes
// nothing where it is not set.
func (d *digester) fields(v reflect.Value) {
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() {
			d.text(v.Type().Field(i).Name)
			d.value(f)
		}
	}
	d.text("")
}

func (d *digester) entries(v reflect.Value) {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	d.text(fmt.Sprint(len(keys)))
	for _, key := range keys {
		d.text(key.String())
		d.entry(v.MapIndex(key))
	}
}

// entry writes an entry of a list or map. One that is not set, such as an empty
// argument of a command, has no value.
func (d *digester) entry(v reflect.Value) {
	set := !v.IsZero()
	d.text(fmt.Sprint(set))
	if set {
		d.value(v)
	}
}

func (d *digester) tree(r *root) {
	w := &walker{text: func(template string) (string, error) { return r.source.meaning(template), nil }}
	text, err := json.Marshal(w.copy("", r.value, 0)) // sorts the keys
	if err != nil {
		text = []byte(err.Error()) // JSON does not know it: Validate says so
	}
	d.text(string(text))
}

// meaning returns a template with what its references mean for s, as refersAs
// compares it.
func (s *source) meaning(template string) string {
	if !strings.Contains(template, "${") {
		return template
	}
	meaning := template
	_, _ = expand(template, func(scheme, name string) (string, error) {
		switch {
		case scheme == "file":
			meaning += "\x00" + s.path(name)
		case scheme == "env" && s.lookup != nil:
			value, err := s.variable(name)
			meaning += fmt.Sprintf("\x00%t%s", err == nil, value)
		}
		return "", nil
	})
	return meaning
}
