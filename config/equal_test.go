package config

import (
	"io/fs"
	"reflect"
	"testing"
	"time"
)

// sample returns a value of type t that is not zero, or nil if t has fields of its
// own.
func sample(t reflect.Type) any {
	switch t {
	case reflect.TypeFor[Secret]():
		return NewSecret("x${env:A}")
	case reflect.TypeFor[[]Secret]():
		return []Secret{NewSecret("x"), NewSecret("y")}
	case reflect.TypeFor[Secrets]():
		return Secrets{"a": NewSecret("x")}
	case reflect.TypeFor[Tree]():
		return NewTree(map[string]any{"a": []any{"${env:A}", 1}})
	case reflect.TypeFor[time.Time]():
		return time.Unix(1, 0)
	case reflect.TypeFor[*time.Duration]():
		return new(time.Second)
	case reflect.TypeFor[*bool]():
		return new(true)
	case reflect.TypeFor[[]int]():
		return []int{200, 302}
	case reflect.TypeFor[[]string]():
		return []string{"a", "b"}
	case reflect.TypeFor[string]():
		return "a"
	case reflect.TypeFor[*string]():
		return new("") // which is not the same as none
	case reflect.TypeFor[map[string]Capture]():
		return map[string]Capture{"a": {Path: "b"}}
	case reflect.TypeFor[bool]():
		return true
	case reflect.TypeFor[fs.FileMode]():
		return fs.FileMode(0o600)
	case reflect.TypeFor[time.Duration]():
		return time.Second
	case reflect.TypeFor[int]():
		return 1
	default:
		return nil
	}
}

// variants returns services each of which has one key set; a list of structs has
// one entry then.
func variants() map[string]func() Service {
	all := map[string]func() Service{}
	for name, set := range settersOf("", reflect.TypeFor[Service]()) {
		all[name] = func() Service {
			var s Service
			set(reflect.ValueOf(&s).Elem())
			return s
		}
	}
	return all
}

// settersOf returns what sets one key each in a value of type t, by path.
func settersOf(path string, t reflect.Type) map[string]func(v reflect.Value) {
	all := map[string]func(reflect.Value){}
	switch one := sample(t); {
	case t == reflect.TypeFor[redacted]():
	case one != nil:
		all[path] = func(v reflect.Value) { v.Set(reflect.ValueOf(one)) }
	case t.Kind() == reflect.Pointer:
		for name, set := range settersOf(path, t.Elem()) {
			all[name] = func(v reflect.Value) { v.Set(reflect.New(t.Elem())); set(v.Elem()) }
		}
	case t.Kind() == reflect.Slice:
		for name, set := range settersOf(path+"[0]", t.Elem()) {
			all[name] = func(v reflect.Value) { v.Set(reflect.MakeSlice(t, 1, 1)); set(v.Index(0)) }
		}
	default:
		for i := range t.NumField() {
			for name, set := range settersOf(path+"."+t.Field(i).Name, t.Field(i).Type) {
				all[name] = func(v reflect.Value) { set(v.Field(i)) }
			}
		}
	}
	return all
}

func TestServicesAreEqualInEveryKeyOrNotAtAll(t *testing.T) {
	all := variants()
	if len(all) < 100 {
		t.Fatalf("found only %d keys", len(all))
	}
	for name, one := range all {
		a, again, none := one(), one(), Service{}
		if !a.Equal(&again) || a.Equal(&none) || none.Equal(&a) {
			t.Errorf("%s: equal to itself %v, to none %v", name, a.Equal(&again), a.Equal(&none))
		}
		for other, two := range all {
			if b := two(); a.Equal(&b) != (name == other) {
				t.Errorf("%s and %s", name, other)
			}
		}
	}
}

func TestEqualOfNothing(t *testing.T) {
	var none *Service
	if !none.Equal(nil) || none.Equal(&Service{}) || (&Service{}).Equal(nil) {
		t.Error("nil is equal to nil alone")
	}
	a, b := Service{Hosts: []string{}}, Service{}
	if !a.Equal(&b) {
		t.Error("no hosts are no hosts")
	}
}

func TestEqualLooksIntoValues(t *testing.T) {
	tls := func(file string) Service { return Service{TLS: &TLS{CAFile: file}} }
	tree := func(v any) Service { return Service{Options: NewTree(v)} }
	params := func(p Secrets) Service { return Service{ClientCredentials: &ClientCredentials{Params: p}} }
	captures := func(name string, c Capture) Service {
		return Service{Login: &Login{Steps: []Step{{Capture: map[string]Capture{name: c}}}}}
	}
	prefixed := func(p *string) Service { return Service{Inject: &Inject{Header: "X", Prefix: p}} }
	for name, c := range map[string]struct {
		a, b Service
		want bool
	}{
		"other pointers":    {tls("a"), tls("a"), true},
		"another file":      {tls("a"), tls("b"), false},
		"another order":     {Service{Hosts: []string{"a", "b"}}, Service{Hosts: []string{"b", "a"}}, false},
		"a host less":       {Service{Hosts: []string{"a", "b"}}, Service{Hosts: []string{"a"}}, false},
		"another number":    {tree(map[string]any{"a": 1}), tree(map[string]any{"a": 2}), false},
		"another type":      {tree(map[string]any{"a": 1}), tree(map[string]any{"a": "1"}), false},
		"another parameter": {params(Secrets{"a": NewSecret("x")}), params(Secrets{"b": NewSecret("x")}), false},
		"another value":     {params(Secrets{"a": NewSecret("x")}), params(Secrets{"a": NewSecret("y")}), false},
		"another capture":   {captures("a", Capture{Path: "x"}), captures("a", Capture{Header: "x"}), false},
		"another name":      {captures("a", Capture{Path: "x"}), captures("b", Capture{Path: "x"}), false},
		"the same capture":  {captures("a", Capture{Path: "x"}), captures("a", Capture{Path: "x"}), true},
		"another prefix":    {prefixed(new("a")), prefixed(new("b")), false},
		"an empty prefix":   {prefixed(new("")), prefixed(nil), false},
		"the same prefix":   {prefixed(new("a")), prefixed(new("a")), true},
		"another zone": {
			Service{Static: &Static{ExpiresAt: time.Unix(1, 0).UTC()}},
			Service{Static: &Static{ExpiresAt: time.Unix(1, 0).In(time.FixedZone("x", 60))}},
			true,
		},
	} {
		if c.a.Equal(&c.b) != c.want || c.b.Equal(&c.a) != c.want {
			t.Errorf("%s: want %v", name, c.want)
		}
	}
}

func TestEqualLooksAtWhatReferencesMean(t *testing.T) {
	read := func(dir, template string, entries ...string) Service {
		s := &source{dir: dir, lookup: environment(environ(entries...))}
		return Service{
			Login:   &Login{Request: Request{URL: newSecret(template, s)}},
			Options: newTree(map[string]any{"a": []any{template}}, s),
		}
	}
	for name, c := range map[string]struct {
		a, b Service
		want bool
	}{
		"variables of the same value":      {read("", "${env:A}", "A=1"), read("", "${env:A}", "A=1", "B=2"), true},
		"variables of different values":    {read("", "${env:A}", "A=1"), read("", "${env:A}", "A=2"), false},
		"a variable that is gone":          {read("", "${env:A}", "A="), read("", "${env:A}"), false},
		"a second variable":                {read("", "${env:A}${env:B}", "A=1", "B=1"), read("", "${env:A}${env:B}", "A=1", "B=2"), false},
		"a variable that nobody refers to": {read("", "$${env:A}", "A=1"), read("", "$${env:A}", "A=2"), true},
		"a file of the same directory":     {read("/a", "${file:x}"), read("/a", "${file:x}"), true},
		"a file of another directory":      {read("/a", "${file:x}"), read("/b", "${file:x}"), false},
		"the same file from elsewhere":     {read("/a", "${file:/x}"), read("/b", "${file:/x}"), true},
		"no reference":                     {read("/a", "x", "A=1"), read("/b", "x", "A=2"), true},
	} {
		if c.a.Equal(&c.b) != c.want || c.b.Equal(&c.a) != c.want {
			t.Errorf("%s: want %v", name, c.want)
		}
	}
}

func TestEqualOfTwoReadingsWithAnEnvironment(t *testing.T) {
	text := []byte("services: {s: {provider: client_credentials, token_url: 'https://idp.example', client_id: a, client_secret: '${env:A}'}}")
	read := func() Service {
		c, err := Parse(text, WithEnviron(environ("A=hush")))
		if err != nil {
			t.Fatal(err)
		}
		return c.Services["s"]
	}
	a, b := read(), read()
	if !a.Equal(&b) {
		t.Error("not equal")
	}
}

func BenchmarkEqual(b *testing.B) {
	c, err := Parse([]byte("services: {s: {provider: login, request: {url: 'https://idp.example', json: {a: 1}}, response: {token: t}, timeout: 1s}}"))
	if err != nil {
		b.Fatal(err)
	}
	one := c.Services["s"]
	for b.Loop() {
		if two := one; !one.Equal(&two) {
			b.Fatal("not equal")
		}
	}
}
