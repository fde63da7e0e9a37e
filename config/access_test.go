package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tokend/config"
)

const aHash = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// TestClientsAreStrict holds what may be wrong with one client, or two, against its
// message.
const san = "clients[0].san: must be dns:HOST without wildcards, uri:URI, spiffe://DOMAIN/PATH or subject:CN=NAME,…"

func TestClientsAreStrict(t *testing.T) {
	const one = "must have exactly one of uid, gid, key_hash, san and listener"
	const hash = "clients[0].key_hash: must be sha256: and 64 lower-case hexadecimal digits, as tokend client new prints it; never the key itself"
	const glob = "clients[0].grants[0].services[0]: no service can have such a name: one has a-z, 0-9, dot, underscore and hyphen; * stands for any characters and ? for one"
	for name, tc := range map[string]struct{ identity, grants, want string }{
		"root":                      {"uid: 0", "", ""},
		"a group":                   {"gid: 1000", "", ""},
		"a key":                     {"key_hash: " + aHash, "", ""},
		"a DNS name":                {"san: 'dns:Host.Example'", "", ""},
		"a URI":                     {"san: 'uri:urn:x'", "", ""},
		"a SPIFFE ID":               {"san: spiffe://td/app", "", ""},
		"a subject":                 {"san: 'subject:CN=probe,O=Acme'", "", ""},
		"a listener":                {"listener: local", "", ""},
		"metrics alone":             {"uid: 1", "{verbs: [metrics]}", ""},
		"no identity":               {"", "", "clients[0]: " + one},
		"two identities":            {"uid: 1, gid: 1", "", "clients[0]: " + one},
		"a user and a key":          {"uid: 1, key_hash: " + aHash, "", "clients[0]: " + one},
		"a negative user":           {"uid: -1", "", "clients[0].uid: must be the number of a user or a group"},
		"the user that is none":     {"uid: 4294967295", "", "clients[0].uid: must be the number of a user or a group"},
		"an octal user":             {"uid: 010", "", "clients[0].uid: must be the number of a user or a group"},
		"a user's name":             {"uid: canary", "", "clients[0].uid: must be a number, not a text"},
		"a key itself":              {"key_hash: tkd_canary", "", hash},
		"a hash in capitals":        {"key_hash: " + strings.ToUpper(aHash), "", hash},
		"a hash and more":           {"key_hash: '" + aHash + "0'", "", hash},
		"a san without a form":      {"san: canary.example", "", san},
		"a wildcard":                {"san: 'dns:*.example'", "", san},
		"a DNS name with a port":    {"san: 'dns:host:1'", "", san},
		"a URI without a scheme":    {"san: 'uri:canary'", "", san},
		"a subject without names":   {"san: 'subject:canary'", "", san},
		"a listener nobody knows":   {"listener: canary", "", "clients[0].listener: no listener has that name; a listener gets one by listen[].name"},
		"nearly a listener":         {"listener: locel", "", "clients[0].listener: no listener has that name; a listener gets one by listen[].name; did you mean local?"},
		"an unknown verb":           {"uid: 1", "{services: [a], verbs: [wacth]}", "clients[0].grants[0].verbs[0]: must be one of get, info, refresh, invalidate, watch, metrics, admin; did you mean watch?"},
		"a verb far from any":       {"uid: 1", "{services: [a], verbs: [canary]}", "clients[0].grants[0].verbs[0]: must be one of get, info, refresh, invalidate, watch, metrics, admin"},
		"no verbs":                  {"uid: 1", "{services: [a]}", "clients[0].grants[0].verbs: required"},
		"no services":               {"uid: 1", "{verbs: [get]}", "clients[0].grants[0].services: required"},
		"metrics and more, no name": {"uid: 1", "{verbs: [metrics, get]}", "clients[0].grants[0].services: required"},
		"a glob in capitals":        {"uid: 1", "{services: [Billing], verbs: [get]}", glob},
		"a glob with a slash":       {"uid: 1", "{services: [a/b], verbs: [get]}", glob},
		"a set of characters":       {"uid: 1", "{services: ['[ab]'], verbs: [get]}", glob},
		"a glob of a hyphen":        {"uid: 1", "{services: ['-*'], verbs: [get]}", glob},
		"a glob that is too long":   {"uid: 1", "{services: ['" + strings.Repeat("?", 64) + "'], verbs: [get]}", glob},
		"an unknown key of a grant": {"uid: 1", "{services: [a], verbs: [get], deny: [b]}", "clients[0].grants[0].deny: unknown key"},
		"an unknown key":            {"uid: 1, pid: 3", "", "clients[0].pid: unknown key; did you mean uid?"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.grants == "" {
				tc.grants = "{services: [a], verbs: [get]}"
			}
			text := fmt.Sprintf("listen: [{address: tcp://127.0.0.1:1, name: local}]\nclients: [{name: a, %s, grants: [%s]}]", tc.identity, tc.grants)
			if tc.identity == "" {
				text = strings.Replace(text, "a, ,", "a,", 1)
			}
			wantMistake(t, text, tc.want)
		})
	}
}

func TestSPIFFEIDsAreThoseOfWorkloads(t *testing.T) {
	for id, want := range map[string]string{
		"spiffe://td/app": "", "uri:spiffe://td.example/ns/a/sa/b": "", "spiffe://td/.../..a/a.": "",
		"spiffe:///app": san, "spiffe://td": san, "spiffe://td/*": san, "spiffe://td/app/": san, "uri:spiffe://TD/app": san,
		"spiffe://td/.": san, "spiffe://td/../app": san, "spiffe://td/a/./b": san,
	} {
		t.Run(id, func(t *testing.T) {
			wantMistake(t, "clients: [{name: a, san: '"+id+"', grants: [{services: [a], verbs: [get]}]}]", want)
		})
	}
}

func wantMistake(t *testing.T, text, want string) {
	t.Helper()
	got := ""
	if _, err := config.Parse([]byte(text), environ()); err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestClientsDifferFromOneAnother(t *testing.T) {
	client := func(name, identity string) string {
		return fmt.Sprintf("  - {name: %s, %s, grants: [{services: [a], verbs: [get]}]}\n", name, identity)
	}
	for name, tc := range map[string]struct{ clients, want string }{
		"two users":         {client("a", "uid: 1") + client("b", "uid: 2"), ""},
		"a user, a group":   {client("a", "uid: 1") + client("b", "gid: 1"), ""},
		"the same name":     {client("a", "uid: 1") + client("a", "uid: 2"), "clients[1]: has the same name as clients[0]"},
		"the same user":     {client("a", "uid: 1") + client("b", "uid: 1"), "clients[1]: is known by the same uid as clients[0]: put the grants of both into one"},
		"the same key":      {client("a", "key_hash: "+aHash) + client("b", "key_hash: "+aHash), "clients[1]: is known by the same key_hash as clients[0]: put the grants of both into one"},
		"the same DNS name": {client("a", "san: 'dns:H'") + client("b", "san: 'dns:h'"), "clients[1]: is known by the same san as clients[0]: put the grants of both into one"},
		"the same SPIFFE ID, in two forms": {
			client("a", "san: spiffe://a/b") + client("b", "san: 'uri:spiffe://a/b'"),
			"clients[1]: is known by the same san as clients[0]: put the grants of both into one",
		},
		"none":                {"", ""},
		"no name":             {"  - {uid: 1, grants: [{services: [a], verbs: [get]}]}\n", "clients[0].name: required"},
		"a name with a space": {client("'a b'", "uid: 1"), "clients[0].name: must have 1 to 63 characters of a-z, 0-9, dot, underscore and hyphen, the first a letter or digit"},
		"no grants":           {"  - {name: a, uid: 1}\n", "clients[0].grants: required: who has none may do nothing"},
		"an empty list":       {"  []", "clients: is empty, which would let in whoever gets in without it: name a client, or leave the key out"},
	} {
		t.Run(name, func(t *testing.T) { wantMistake(t, "clients:\n"+tc.clients, tc.want) })
	}
}

func TestTheNetworkNeedsTLSAndClients(t *testing.T) {
	dir := t.TempDir()
	for name, text := range config.SelfSigned(t) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const tls = "tls: {cert_file: client.pem, key_file: client.key}"
	const clients = "\nclients: [{name: a, uid: 1, grants: [{services: [a], verbs: [get]}]}]"
	for name, tc := range map[string]struct{ listener, rest, want string }{
		"both":                   {"address: 'tcp://0.0.0.0:7460', " + tls, clients, ""},
		"by name":                {"address: 'tcp://node.example:7460', " + tls, clients, ""},
		"with certificates":      {"address: 'tcp://:7460', tls: {cert_file: client.pem, key_file: client.key, client_ca_file: ca.pem}", clients, ""},
		"TLS on loopback":        {"address: 'tcp://127.0.0.1:7460', " + tls, "", ""},
		"no TLS":                 {"address: 'tcp://0.0.0.0:7460'", clients, "listen[0].tls: required, for the address is not on loopback: tokens would cross the network in the clear"},
		"no clients":             {"address: 'tcp://0.0.0.0:7460', " + tls, "", "clients: required, for listen[0] can be reached from other machines"},
		"no key":                 {"address: 'tcp://0.0.0.0:7460', tls: {cert_file: client.pem}", clients, "listen[0].tls.key_file: required, for cert_file is set"},
		"nothing":                {"address: 'tcp://127.0.0.1:7460', tls: {client_ca_file: ca.pem}", "", "listen[0].tls.cert_file: required\nlisten[0].tls.key_file: required"},
		"a key that is not its":  {"address: 'tcp://127.0.0.1:7460', tls: {cert_file: client.pem, key_file: ca.pem}", "", "listen[0].tls.cert_file: does not make a pair with key_file in PEM form"},
		"a file that is not":     {"address: 'tcp://127.0.0.1:7460', tls: {cert_file: no, key_file: client.key}", "", "listen[0].tls.cert_file: no such file or directory"},
		"CAs that are no such":   {"address: 'tcp://127.0.0.1:7460', tls: {cert_file: client.pem, key_file: client.key, client_ca_file: client.key}", "", "listen[0].tls.client_ca_file: holds no certificate in PEM form"},
		"an unknown key":         {"address: 'tcp://127.0.0.1:7460', tls: {cert_file: client.pem, key_file: client.key, ca_file: ca.pem}", "", "listen[0].tls.ca_file: unknown key"},
		"a line break in a path": {"address: 'tcp://127.0.0.1:7460'", "\naudit: {path: \"a\\nb\"}", "audit.path: must not hold control characters"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, "tokend.yaml")
			if err := os.WriteFile(file, []byte("listen: [{"+tc.listener+"}]"+tc.rest), 0o600); err != nil {
				t.Fatal(err)
			}
			got := ""
			if _, err := config.Load(file, environ()); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestPathsOfAccessStartAtTheFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range config.SelfSigned(t) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := "listen: [{address: 'tcp://[::1]:1', tls: {cert_file: client.pem, key_file: client.key, client_ca_file: ca.pem}}]\naudit: {path: "
	for path, want := range map[string]string{"a/log": filepath.Join(dir, "a/log"), "/a": "/a", "stdout": "stdout"} {
		c, err := config.Parse([]byte(text+path+"}"), config.WithDir(dir), environ())
		if err != nil {
			t.Fatal(err)
		}
		if c.Audit.Path != want || *c.Listen[0].TLS != (config.ListenerTLS{
			CertFile: filepath.Join(dir, "client.pem"), KeyFile: filepath.Join(dir, "client.key"), ClientCAFile: filepath.Join(dir, "ca.pem"),
		}) {
			t.Errorf("%+v, %+v", c.Audit, c.Listen[0].TLS)
		}
	}
}
