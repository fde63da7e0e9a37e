package config

import (
	"reflect"
	"strings"
	"time"
)

// Equal reports whether two services are configured alike: with the same settings,
// and with the same templates, whose relative paths start at the same directory.
// Where two configurations have an environment of their own each, see
// [WithEnviron], the variables that the templates refer to must have the same
// values now. It tells not set from set to a default, but not nil from empty.
func (s *Service) Equal(o *Service) bool {
	if s == nil || o == nil {
		return s == o
	}
	return alike(reflect.ValueOf(s).Elem(), reflect.ValueOf(o).Elem())
}

// alike compares two values of one type, which is that of a key or holds keys.
func alike(a, b reflect.Value) bool {
	switch a.Type() {
	case reflect.TypeFor[redacted]():
		return true
	case reflect.TypeFor[Secret]():
		return sameSecret(a.Interface().(Secret), b.Interface().(Secret))
	case reflect.TypeFor[Tree]():
		return sameTree(a.Interface().(Tree), b.Interface().(Tree))
	case reflect.TypeFor[time.Time]():
		return a.Interface().(time.Time).Equal(b.Interface().(time.Time))
	}
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return alike(a.Elem(), b.Elem())
	case reflect.Struct:
		return alikeFields(a, b)
	case reflect.Slice:
		return alikeEntries(a, b)
	case reflect.Map:
		return alikeValues(a, b)
	default:
		return a.Equal(b)
	}
}

func alikeFields(a, b reflect.Value) bool {
	for i := range a.NumField() {
		if !alike(a.Field(i), b.Field(i)) {
			return false
		}
	}
	return true
}

func alikeEntries(a, b reflect.Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		if !alike(a.Index(i), b.Index(i)) {
			return false
		}
	}
	return true
}

func alikeValues(a, b reflect.Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	for _, key := range a.MapKeys() {
		other := b.MapIndex(key)
		if !other.IsValid() || !alike(a.MapIndex(key), other) {
			return false
		}
	}
	return true
}

func sameSecret(a, b Secret) bool {
	if a.IsZero() || b.IsZero() {
		return a.IsZero() == b.IsZero()
	}
	x, y := a.ref.get(), b.ref.get()
	return x.template == y.template && x.source.refersAs(y.source, x.template)
}

func sameTree(a, b Tree) bool {
	if a.IsZero() || b.IsZero() {
		return a.IsZero() == b.IsZero()
	}
	x, y := a.root.get(), b.root.get()
	if !reflect.DeepEqual(x.value, y.value) {
		return false
	}
	same := true
	w := &walker{text: func(template string) (string, error) {
		same = same && x.source.refersAs(y.source, template)
		return template, nil
	}}
	w.copy("", x.value, 0)
	return same
}

// refersAs reports whether the references of template mean the same for s and o.
// Functions cannot be compared, so variables are by what they hold.
func (s *source) refersAs(o *source, template string) bool {
	if s == o || !strings.Contains(template, "${") {
		return true
	}
	same := true
	_, _ = expand(template, func(scheme, name string) (string, error) {
		switch {
		case scheme == "file":
			same = same && s.path(name) == o.path(name)
		case scheme == "env" && (s.lookup != nil || o.lookup != nil):
			x, errX := s.variable(name)
			y, errY := o.variable(name)
			same = same && x == y && (errX == nil) == (errY == nil)
		}
		return "", nil
	})
	return same
}
