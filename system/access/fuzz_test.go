package access

import (
	"path"
	"strings"
	"testing"
)

// FuzzGlob compares the own matcher with the standard library's, which does the
// same where there is neither a slash nor a bracket nor a backslash.
func FuzzGlob(f *testing.F) {
	f.Add("erp-*", "erp-eu")
	f.Add("*a*b?c", "xaxbxc")
	f.Add("**", "")
	f.Add("a", "")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if checkGlob(pattern) != nil || strings.Contains(name, "/") || !ascii(name) {
			return
		}
		want, err := path.Match(pattern, name)
		if err != nil {
			t.Fatalf("%q is accepted, but %v", pattern, err)
		}
		if got := match(pattern, name); got != want {
			t.Errorf("%q and %q: %v", pattern, name, got)
		}
	})
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7f })
}

// FuzzPolicy grants whatever it is given to one user, and looks at what another
// user, and the user itself with other verbs, may do.
func FuzzPolicy(f *testing.F) {
	f.Add("billing", "get", "erp", "info", "billing", uint32(1), uint32(2))
	f.Add("*", "admin", "a*", "metrics", "", uint32(0), uint32(4294967295))
	f.Add("?", "", "-", "get,get", "x", uint32(7), uint32(7))
	f.Fuzz(func(t *testing.T, glob1, verbs1, glob2, verbs2, service string, mine, other uint32) {
		first, second := Grant{strings.Split(glob1, ","), strings.Split(verbs1, ",")}, Grant{strings.Split(glob2, ","), strings.Split(verbs2, ",")}
		p, err := New([]Client{{Name: "a", UID: &mine, Grants: []Grant{first, second}}}, Options{})
		if err != nil {
			return
		}
		me, them := p.Match(Identity{Peer: &Peer{UID: mine}}).Caller(), p.Match(Identity{Peer: &Peer{UID: other}}).Caller()
		for _, v := range verbs[:len(verbs)-1] { // admin is all of them
			if mine != other && (them.May(v.verb, service) || them.MayAny(v.verb) || them.Known()) {
				t.Errorf("a stranger may %s %q", v.name, service)
			}
			if v.verb == Metrics {
				continue
			}
			want := granted(first, v.name, service) || granted(second, v.name, service)
			if got := me.May(v.verb, service); got != want || got && !me.MayAny(v.verb) {
				t.Errorf("%s %q: %v, but the grants are %q and %q", v.name, service, got, first, second)
			}
		}
	})
}

// granted is the rule as it is told to people.
func granted(g Grant, verb, service string) bool {
	for _, v := range g.Verbs {
		for _, pattern := range g.Services {
			if (v == verb || v == "admin") && match(pattern, service) {
				return true
			}
		}
	}
	return false
}

// FuzzKey tries to be taken for somebody with anything but the key.
func FuzzKey(f *testing.F) {
	good, hash := key()
	p, err := New([]Client{{Name: "a", KeyHash: hash, Grants: []Grant{{[]string{"*"}, []string{"admin"}}}}}, Options{})
	if err != nil {
		f.Fatal(err)
	}
	party := p.Match(Identity{})
	f.Add("")
	f.Add(good[:len(good)-1])
	f.Add(good + "\x00")
	f.Add(hash)
	f.Add(strings.Repeat("A", keyLength))
	f.Fuzz(func(t *testing.T, text string) {
		caller, ok := party.WithKey(text)
		if ok != (text == good) || caller.May(Get, "x") != ok {
			t.Errorf("%q: %v", text, ok)
		}
		if sum, err := parseHash(text); err == nil && text != hash && p.keys[sum] != nil {
			t.Errorf("%q is the same hash", text)
		}
	})
}

// FuzzName reads names of certificates: what is one is so in its one form.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"dns:Host", "uri:spiffe://a/b", "spiffe://a/b", "subject:CN=x", "dns:*", ":", "uri:", "dns:a:b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := canonicalName(text)
		if name != "" && canonicalName(name) != name {
			t.Errorf("%q becomes %q, and that %q", text, name, canonicalName(name))
		}
	})
}
