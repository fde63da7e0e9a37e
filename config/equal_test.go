package config

import (
	"reflect"
	"slices"
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
	case reflect.TypeFor[[]string]():
		return []string{"a", "b"}
	case reflect.TypeFor[string]():
		return "a"
	case reflect.TypeFor[bool]():
		return true
	default:
		return nil
	}
}

// variants returns services each of which has one key set.
func variants() map[string]func() Service {
	all := map[string]func() Service{}
	var walk func(path string, t reflect.Type, index []int)
	walk = func(path string, t reflect.Type, index []int) {
		if t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct {
			t = t.Elem()
		}
		for i := range t.NumField() {
			f, where := t.Field(i), append(slices.Clone(index), i)
			switch {
			case f.Type == reflect.TypeFor[redacted]():
			case sample(f.Type) != nil:
				all[path+"."+f.Name] = func() Service {
					var s Service
					at(reflect.ValueOf(&s).Elem(), where).Set(reflect.ValueOf(sample(f.Type)))
					return s
				}
			default:
				walk(path+"."+f.Name, f.Type, where)
			}
		}
	}
	walk("", reflect.TypeFor[Service](), nil)
	return all
}

func TestServicesAreEqualInEveryKeyOrNotAtAll(t *testing.T) {
	all := variants()
	if len(all) < 45 {
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
