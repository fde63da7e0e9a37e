package config

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"
)

func digestOf(s Service) string {
	h := sha256.New()
	s.Digest(h)
	return fmt.Sprintf("%x", h.Sum(nil))
}

// digested are services of which no two may have the same digest. Their texts are
// such that they would run together if lengths were not written.
func digested() map[string]Service {
	login := func(r Request) Service { return Service{Login: &Login{Request: r}} }
	s := &source{dir: "/a", lookup: environment(environ("A=1", "B=2"))}
	return map[string]Service{
		"nothing":               {},
		"another kind":          {Provider: "ab"},
		"a text":                {ClientCredentials: &ClientCredentials{ClientID: "a", Audience: "b"}},
		"a longer text":         {ClientCredentials: &ClientCredentials{ClientID: "ab"}},
		"a text elsewhere":      {ClientCredentials: &ClientCredentials{TokenURL: "a", Audience: "b"}},
		"a list":                {ClientCredentials: &ClientCredentials{Scopes: []string{"a", "b"}}},
		"another list":          {ClientCredentials: &ClientCredentials{Scopes: []string{"ab"}}},
		"a secret":              login(Request{Body: NewSecret("a")}),
		"another secret":        login(Request{Body: NewSecret("b")}),
		"a variable":            login(Request{Body: newSecret("${env:A}", s)}),
		"another variable":      login(Request{Body: newSecret("${env:B}", s)}),
		"a file":                login(Request{Body: newSecret("${file:A}", s)}),
		"a file elsewhere":      login(Request{Body: newSecret("${file:A}", &source{dir: "/b"})}),
		"a form":                login(Request{Form: Secrets{"a": NewSecret("b"), "c": NewSecret("d")}}),
		"another form":          login(Request{Form: Secrets{"a": NewSecret("d"), "c": NewSecret("b")}}),
		"an empty entry":        login(Request{Form: Secrets{"a": {}}}),
		"a tree":                {Options: NewTree(map[string]any{"a": 1, "b": []any{"x", true}})},
		"another tree":          {Options: NewTree(map[string]any{"a": 1, "b": []any{"x", nil}})},
		"a reference in a tree": {Options: newTree(map[string]any{"a": "${env:A}"}, s)},
		"another one":           {Options: newTree(map[string]any{"a": "${env:B}"}, s)},
		"a time":                {Static: &Static{ExpiresAt: time.Unix(1, 0)}},
		"a later time":          {Static: &Static{ExpiresAt: time.Unix(1, 1)}},
		"a permission":          {AllowHTTP: true},
		"a file for TLS":        {TLS: &TLS{CAFile: "a"}},
		"another one for TLS":   {TLS: &TLS{CertFile: "a"}},
		"a fallback":            {RefreshToken: &RefreshToken{Fallback: &Fallback{Provider: "a"}}},
		"another fallback":      {RefreshToken: &RefreshToken{Fallback: &Fallback{Password: &Password{Password: NewSecret("a")}}}},
		"its other password":    {RefreshToken: &RefreshToken{Fallback: &Fallback{Password: &Password{Password: NewSecret("b")}}}},
		"a command":             {Exec: &Exec{Command: []Secret{NewSecret("a"), NewSecret("b")}}},
		"another command":       {Exec: &Exec{Command: []Secret{NewSecret("ab")}}},
		"an empty argument":     {Exec: &Exec{Command: []Secret{NewSecret("a"), NewSecret("")}}},
		"one argument":          {Exec: &Exec{Command: []Secret{NewSecret("a")}}},
		"a command elsewhere":   {Exec: &Exec{Command: []Secret{NewSecret("a"), NewSecret("b")}, Dir: "/a"}},
		"a file of a token":     {File: &File{Path: "a"}},
	}
}

func TestDigestsTellServicesApart(t *testing.T) {
	seen := map[string]string{}
	again := digested()
	for name, s := range digested() {
		d := digestOf(s)
		if other, ok := seen[d]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[d] = name
		if d != digestOf(again[name]) {
			t.Errorf("%s has another digest the second time", name)
		}
	}
}

func TestDigestsTellEveryKeyApart(t *testing.T) {
	seen := map[string]string{}
	for name, one := range variants() {
		d := digestOf(one())
		if other, ok := seen[d]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[d] = name
	}
}

func TestADigestIsTheSameInEveryZone(t *testing.T) {
	at := func(zone *time.Location) Service {
		return Service{Static: &Static{ExpiresAt: time.Unix(1, 0).In(zone)}}
	}
	if digestOf(at(time.UTC)) != digestOf(at(time.FixedZone("x", 60))) {
		t.Error("the zone changes the digest")
	}
}
