package main

import (
	"slices"
	"strings"
	"testing"

	"tokend/config"
)

func TestAMapOfUsersIsWholeOrNot(t *testing.T) {
	for text, want := range map[string]bool{
		"         0          0 4294967295\n":        true,
		"0 0 2147483648\n2147483648 7 2147483647\n": true,
		"":                           false, // no user is mapped yet
		"0 1000 1\n":                 false,
		"0 100000 65536\n":           false,
		"0 1000 1\n1 100000 65536\n": false,
		"1000 1000 1\n":              false,
		"0 0 4294967294\n":           false,
		"0 0\n":                      false,
		"0 0 -1\n":                   false,
	} {
		if got := covers(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestWhoOwnsANodeInANamespace(t *testing.T) {
	const other = 4711
	for name, c := range map[string]struct {
		users users
		want  []uint32
	}{
		"root":                            {users{0, true, 65534}, []uint32{0}},
		"a user":                          {users{1000, true, 65534}, []uint32{1000, 0}},
		"nobody, on the machine itself":   {users{65534, true, 65534}, []uint32{65534, 0}},
		"nobody, in a namespace":          {users{65534, false, 65534}, []uint32{0}},
		"a user, in a namespace":          {users{1000, false, 65534}, []uint32{1000, 0}},
		"root, in a namespace":            {users{0, false, 65534}, []uint32{0}},
		"where others look like another":  {users{other, false, other}, []uint32{0}},
		"nobody, where others look other": {users{65534, false, other}, []uint32{65534, 0}},
		"a system without users":          {users{-1, true, 1<<32 - 1}, []uint32{0}},
	} {
		if got := c.users.owners(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestGrantsToWhoIsNotMappedAreDoubted(t *testing.T) {
	own := users{1000, true, 65534}
	for name, c := range map[string]struct {
		users  users
		client *config.Client
		want   string // empty: there is no warning
	}{
		"the user":               {own, &config.Client{UID: new(uint32(65534))}, "client c: uid 65534 is shared by all"},
		"the group":              {own, &config.Client{GID: new(uint32(65534))}, "client c: gid 65534 is shared by all"},
		"another user":           {own, &config.Client{UID: new(uint32(65533))}, ""},
		"another kernel's":       {users{1000, true, 99}, &config.Client{UID: new(uint32(99))}, "uid 99"},
		"no user":                {own, &config.Client{Listener: "l"}, ""},
		"no clients":             {own, nil, ""},
		"no clients, ambiguous":  {users{65534, false, 65534}, nil, "only root is served"},
		"clients, but ambiguous": {users{65534, false, 65534}, &config.Client{Listener: "l"}, ""},
	} {
		cfg := &config.Config{}
		if c.client != nil {
			c.client.Name = "c"
			cfg.Clients = []config.Client{*c.client}
		}
		if got := strings.Join(c.users.warnings(cfg), "\n"); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
