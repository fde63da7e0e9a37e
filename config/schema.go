package config

import (
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// hostKind is the kind tag of what belongs to every kind that is not built in.
const hostKind = "*"

// field is a key of a struct, as its tags say.
type field struct {
	key    string
	kind   string // kind of provider the key belongs to; empty: to all
	index  []int  // where the value is, through pointers
	typ    reflect.Type
	preset string // the default, in text; empty: none
}

// schema holds the keys of Config and of every struct below it.
var schema = buildSchema(reflect.TypeFor[Config]())

func buildSchema(t reflect.Type) map[reflect.Type][]field {
	all := map[reflect.Type][]field{}
	addSchema(all, t)
	return all
}

func addSchema(all map[reflect.Type][]field, t reflect.Type) {
	switch {
	case isLeaf(t):
	case t.Kind() == reflect.Struct:
		all[t] = fieldsOf(t, nil, "")
		for _, f := range all[t] {
			addSchema(all, f.typ)
		}
	default: // pointer, slice, map
		addSchema(all, t.Elem())
	}
}

// fieldsOf lists the keys of a struct, those of embedded structs and of the
// structs of provider kinds included: in YAML they stand in the same place.
func fieldsOf(t reflect.Type, index []int, kind string) []field {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(slices.Clone(index), i)
		own := sf.Tag.Get("kind")
		switch key := sf.Tag.Get("key"); {
		case key != "":
			fields = append(fields, field{key, kind + own, at, sf.Type, sf.Tag.Get("default")})
		case own != "":
			fields = append(fields, fieldsOf(sf.Type.Elem(), at, own)...)
		case sf.Anonymous:
			fields = append(fields, fieldsOf(sf.Type, at, kind)...)
		}
	}
	return fields
}

// isLeaf reports whether values of type t are decoded from a single value.
func isLeaf(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[Secret](), reflect.TypeFor[Tree](), reflect.TypeFor[time.Time](),
		reflect.TypeFor[time.Duration](), reflect.TypeFor[fs.FileMode]():
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Pointer, reflect.Slice, reflect.Map:
		return false
	default:
		return true
	}
}

// at returns the field of v with the given index and makes what is missing on
// the way to it.
func at(v reflect.Value, index []int) reflect.Value {
	for _, i := range index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v
}

// builtIn lists the kinds of provider that have keys of their own.
var builtIn = []string{KindClientCredentials, KindRefreshToken, KindPassword, KindJWTBearer, KindLogin, KindStatic, KindFile, KindExec}

// BuiltIn returns the kinds of provider that come with tokend.
func BuiltIn() []string { return slices.Clone(builtIn) }

// has reports whether a service of the given kind has the field.
func (f *field) has(kind string) bool {
	return f.kind == "" || f.kind == kind || f.kind == hostKind && kind != "" && !slices.Contains(builtIn, kind)
}

// pick returns the field with the given key of a service of the given kind, or
// else the kinds of provider that do have such a key.
func pick(fields []field, key, kind string) (*field, []string) {
	kinds := map[string]bool{}
	for i := range fields {
		f := &fields[i]
		switch {
		case f.key != key:
		case f.has(kind):
			return f, nil
		default:
			kinds[f.kind] = true
		}
	}
	return nil, slices.Sorted(maps.Keys(kinds))
}

// find returns the type of the value at a path of keys below t. It is nil if
// there is none.
func find(t reflect.Type, keys []string) reflect.Type {
	for _, key := range keys {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch fields := schema[t]; {
		case fields != nil:
			i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
			if i < 0 {
				return nil
			}
			t = fields[i].typ
		case t.Kind() == reflect.Map && key != "":
			t = t.Elem()
		default:
			return nil
		}
	}
	return t
}

// presets returns the defaults of the keys directly and indirectly in t, in the
// form that a file has. Services have none: their keys start from defaults.
func presets(t reflect.Type) map[string]any {
	out := map[string]any{}
	for _, f := range schema[t] {
		switch {
		case f.preset != "":
			out[f.key] = typed(f.typ, f.preset)
		case schema[f.typ] != nil:
			out[f.key] = presets(f.typ)
		}
	}
	return out
}

// number is a number as it was written.
type number string

// typed returns text as a value that the decoder takes for type t: environment
// variables and flags know nothing but text. What does not fit stays text, and
// the decoder says so.
func typed(t reflect.Type, text string) any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Int:
		return number(text)
	case reflect.Bool:
		switch text {
		case "true":
			return true
		case "false":
			return false
		}
	case reflect.Slice:
		list := []any{}
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list
	}
	return text
}
