package main

import (
	"strings"
	"testing"

	"tokend/config"
	"tokend/system/httpapi"
)

func TestReloadPrintsWhatHasChanged(t *testing.T) {
	const services = `{"reloaded":true,"added":1,"removed":0,"changed":2`
	const line = "reloaded, services added: 1, removed: 0, changed: 2\n"
	for body, want := range map[string]string{
		services + `}`: line,
		services + `,"clients":{"added":["app","ci"],"changed":["x"]}}`:                   line + "clients added: app, ci; changed: x\n",
		services + `,"listeners":{"removed":["unix:///s"]}}`:                              line + "listeners removed: unix:///s\n",
		services + `,"clients":{"removed":["\u001b"]},"listeners":{"added":["tcp://a"]}}`: line + "clients removed: ?\nlisteners added: tcp://a\n",
	} {
		if code, stdout, stderr := asked(t, 200, body, "reload"); code != exitOK || stdout != want {
			t.Errorf("%s: %d, %q, %s", body, code, stdout, stderr)
		}
		if _, stdout, _ := asked(t, 200, body, "reload", "--output", "json"); stdout != strings.ReplaceAll(body, "\n", "")+"\n" {
			t.Errorf("%s became %s", body, stdout)
		}
	}
}

func TestWhatAReloadChangesOfWhoMayAsk(t *testing.T) {
	get := []config.Grant{{Services: []string{"a"}, Verbs: []string{"get"}}}
	all := []config.Grant{{Services: []string{"*"}, Verbs: []string{"get"}}}
	app, ci := config.Client{Name: "app", UID: new(uint32(1)), Grants: get}, config.Client{Name: "ci", KeyHash: "sha256:1", Grants: get}
	more, moved, rekeyed := app, app, ci
	more.Grants, moved.UID, rekeyed.KeyHash = all, new(uint32(2)), "sha256:2"
	same := app
	same.UID = new(uint32(1))
	socket, port := config.Listener{Address: "unix:///s"}, config.Listener{Address: "tcp://127.0.0.1:1"}
	wider, secure := socket, port
	wider.Mode, secure.TLS = 0o660, &config.ListenerTLS{CertFile: "a", KeyFile: "b"}
	tests := map[string]struct {
		before, after      config.Config
		clients, listeners string // empty: no difference
	}{
		"nothing":             {config.Config{}, config.Config{}, "", ""},
		"the same":            {config.Config{Clients: []config.Client{app, ci}}, config.Config{Clients: []config.Client{ci, same}}, "", ""},
		"two are new":         {config.Config{}, config.Config{Clients: []config.Client{ci, app}}, "added: app, ci", ""},
		"one goes":            {config.Config{Clients: []config.Client{app, ci}}, config.Config{Clients: []config.Client{app}}, "removed: ci", ""},
		"another grant":       {config.Config{Clients: []config.Client{app}}, config.Config{Clients: []config.Client{more}}, "changed: app", ""},
		"another user":        {config.Config{Clients: []config.Client{app}}, config.Config{Clients: []config.Client{moved}}, "changed: app", ""},
		"another key":         {config.Config{Clients: []config.Client{ci}}, config.Config{Clients: []config.Client{rekeyed}}, "changed: ci", ""},
		"all of it":           {config.Config{Clients: []config.Client{app}}, config.Config{Clients: []config.Client{ci}}, "added: ci; removed: app", ""},
		"a listener":          {config.Config{Listen: []config.Listener{socket}}, config.Config{Listen: []config.Listener{socket, port}}, "", "added: tcp://127.0.0.1:1"},
		"another mode":        {config.Config{Listen: []config.Listener{socket}}, config.Config{Listen: []config.Listener{wider}}, "", "changed: unix:///s"},
		"other certificates":  {config.Config{Listen: []config.Listener{port}}, config.Config{Listen: []config.Listener{secure}}, "", "changed: tcp://127.0.0.1:1"},
		"one address instead": {config.Config{Listen: []config.Listener{socket}}, config.Config{Listen: []config.Listener{port}}, "", "added: tcp://127.0.0.1:1; removed: unix:///s"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			clients, listeners := changedAccess(&tt.before, &tt.after)
			for _, c := range []struct {
				got  *httpapi.Differences
				want string
			}{{clients, tt.clients}, {listeners, tt.listeners}} {
				if (c.got == nil) != (c.want == "") || c.got != nil && inWordsOf(c.got) != c.want {
					t.Errorf("%+v, want %q", c.got, c.want)
				}
			}
		})
	}
}
