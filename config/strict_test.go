package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tokend/config"
)

// TestParseIsStrict holds every way of writing a key wrongly against its
// message. No text in a value shows in one.
func TestParseIsStrict(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"an unknown key":               {"lisen: []", "lisen: unknown key; did you mean listen?"},
		"an unknown key far from any":  {"banana: 1", "banana: unknown key"},
		"an unknown key further down":  {"log: {lvel: info}", "log.lvel: unknown key; did you mean level?"},
		"swapped letters":              {"defaults: {tiemout: 1s}", "defaults.tiemout: unknown key; did you mean timeout?"},
		"a vault without keys":         {"vault: {path: /x}", "vault.keys: required, for vault.path is set"},
		"keys without a vault":         {"vault: {keys: [canary]}", "vault.path: required, for vault.keys is set"},
		"a key that is empty":          {`vault: {path: /x, keys: [""]}`, "vault.keys[0]: required"},
		"a key for a list":             {"vault: {path: /x, keys: canary}", "vault.keys: must be a list, not a text"},
		"a later key of access":        {"grants: []", "grants: unknown key"},
		"TLS in a socket":              {"listen: [{address: unix:///a, tls: {}}]", "listen[0].tls: is for TCP listeners only\nlisten[0].tls.cert_file: required\nlisten[0].tls.key_file: required"},
		"a bare number for a duration": {"defaults: {timeout: 30}", "defaults.timeout: a duration needs a unit: write 30s for seconds"},
		"a text without a unit":        {`defaults: {timeout: "30"}`, "defaults.timeout: must be a duration with a unit, such as 30s, 5m or 1h30m"},
		"zero without a unit":          {`defaults: {min_ttl: "0"}`, "defaults.min_ttl: must be a duration with a unit, such as 30s, 5m or 1h30m"},
		"a boolean for a duration":     {"defaults: {timeout: true}", "defaults.timeout: must be a text, not true or false: put it in quotes"},
		"a number for a text":          {"log: {level: 3}", "log.level: must be a text, not a number: put it in quotes"},
		"a list for a text":            {"log: {level: [canary]}", "log.level: must be a text, not a list"},
		"a text for a number":          {`limits: {in_flight_per_host: "5"}`, "limits.in_flight_per_host: must be a number, not a text"},
		"a fraction for a number":      {"limits: {in_flight_per_host: 5.5}", "limits.in_flight_per_host: must be a whole number, at least 1"},
		"an octal for a number":        {"limits: {in_flight_per_host: 010}", "limits.in_flight_per_host: must be a whole number, at least 1"},
		"zero for a number":            {"limits: {in_flight_per_host: 0}", "limits.in_flight_per_host: must be a whole number, at least 1"},
		"a text for a boolean":         {`defaults: {eager: "true"}`, "defaults.eager: must be true or false, not a text"},
		"a YAML 1.1 boolean":           {`defaults: {eager: yes}`, "defaults.eager: must be true or false, not a text"},
		"a text for a map":             {"log: canary", "log: must be a map, not a text"},
		"a list for a map":             {"services: [canary]", "services: must be a map, not a list"},
		"a map for a list":             {"hosts: {canary: x}", "hosts: must be a list, not a map"},
		"a text for a list":            {"hosts: canary", "hosts: must be a list, not a text"},
		"nothing in a list":            {"hosts: [~]", "hosts[0]: must be a text, not nothing"},
		"a service without anything":   {"services: {a: }", "services.a: must be a map, not nothing"},
		"no listener":                  {"listen: []", "listen: is empty: name an address, or leave the key out"},
		"a mode that is not octal":     {"listen: [{address: unix:///a, mode: 600}]", `listen[0].mode: must be octal permissions, such as "0660"`},
		"a mode with other bits":       {`listen: [{address: unix:///a, mode: "4755"}]`, `listen[0].mode: must be octal permissions, such as "0660"`},
		"a time that is none":          {static(`expires_at: 2030-01-02`), "services.s.expires_at: must be a time as in RFC 3339, such as 2030-12-31T23:59:59Z"},
		"a number for a secret":        {"services: {s: {provider: static, token: 12345}}", "services.s.token: must be a text, not a number: put it in quotes"},
		"a number for a named secret":  {login(`query: {a: 5}`), "services.s.request.query.a: must be a text, not a number: put it in quotes"},
		"infinity in a tree":           {login(`json: {a: .inf}`), "services.s.request.json.a: is a number that JSON or this program cannot hold exactly: put it in quotes if it is a text"},
		"a huge number in a tree":      {login(`json: [184467440737095516160]`), "services.s.request.json[0]: is a number that JSON or this program cannot hold exactly: put it in quotes if it is a text"},
		"a key of another kind":        {static("token_url: canary"), "services.s.token_url: belongs to provider client_credentials, jwt_bearer, password or refresh_token, not to static"},
		"a key of two other kinds":     {login("body: x\n    scopes: [canary]"), "services.s.scopes: belongs to provider client_credentials, exec, file, jwt_bearer, password, refresh_token or static, not to login"},
		"a key on a mistyped kind":     {"services: {s: {provider: logn, request: {}}}", "services.s.request: belongs to provider login; did you mean provider: login?"},
		"a key on a host's kind":       {"services: {s: {provider: own, token_url: x}}", "services.s.token_url: belongs to provider client_credentials, jwt_bearer, password or refresh_token; a host's own kind takes its keys under options"},
		"options on a built-in kind":   {static("options: {}"), "services.s.options: is for kinds of provider that are not built in"},
		"options that are no map":      {"services: {s: {provider: own, options: [canary]}}", "services.s.options: must be a map"},
		"no kind":                      {"services: {s: {token: canary}}", "services.s.provider: required: one of client_credentials, refresh_token, password, jwt_bearer, login, static, file, exec, or a host's own kind"},
		"a kind that is no text":       {"services: {s: {provider: [canary]}}", "services.s.provider: must be a text, not a list"},
		"a duplicate key":              {"log: {}\nhosts: []\nlog: {}", "log: duplicate key: line 1 and line 3"},
		"a duplicate service":          {"services:\n  a: {provider: own}\n  a: {provider: own}", "services.a: duplicate key: line 2 and line 3"},
		"a missing space":              {"services: {s: {provider: static, token: x, token_type:canary: }}", "services.s.token_type…: unknown key"},
		"a dangling reference":         {"log: {level: \"${env:NONE}\"}", "log.level: ${env:NONE}: not set"},
		"a reference of no kind":       {"hosts: [\"${canary:x}\"]", "hosts[0]: a reference is ${env:NAME} or ${file:PATH}; write $${ for a literal ${"},
		"a tag":                        {"services: {s: {provider: static, token: !canary x}}", "services.s.token: a tag (!) that is not known here: a text that starts with ! needs quotes"},
		"a merge of a text":            {"log: {<<: canary}", "log.<<: merges maps only"},
		"a key that is a list":         {"? [canary]\n: x", "line 1: a key is a plain text"},
		"a document that is a list":    {"- canary", "line 1: a configuration is a map of keys"},
		"a document that is a text":    {"canary", "line 1: a configuration is a map of keys"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse([]byte(tc.text), environ())
			if fmt.Sprint(err) != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

// static returns a configuration with one static service that has another key.
func static(key string) string {
	return "services:\n  s:\n    provider: static\n    token: x\n    " + key
}

// login returns a configuration with one login service whose request has another
// key, or none.
func login(key string) string {
	return "services:\n  s:\n    provider: login\n    response: {token: t}\n    request:\n      url: https://idp.example\n      " + key
}

func TestSyntaxErrorsGiveTheLineAndNoContent(t *testing.T) {
	const tabs = "a tab is not allowed for indentation: use spaces"
	const quotes = "invalid; a text that starts with *, & or ! needs quotes"
	for name, tc := range map[string]struct{ text, path, message string }{
		"a bad indentation": {"log:\n  level: info\n format: canary", "line 3", "did not find expected key"},
		"an open bracket":   {"log: {}\nhosts: [canary", "line 2", "did not find expected ',' or ']'"},
		"a tab":             {"log:\n\tlevel: canary", "line 2", tabs},
		"a tab after more":  {"log:\n  level: info\n\tformat: canary", "line 3", tabs},
		"a tab at first":    {"\tlog: canary", "line 1", tabs},
		"a tab in a text":   {"log:\n  level: |\n\tcanary", "line 3", tabs},
		"no tab":            {"log:\n  level: @canary\n\tformat: text", "line 2", "found character that cannot start any token"},
		"an unknown alias":  {"services:\n  s: {provider: static, token: *canary}", "yaml", quotes},
		"two documents":     {"log: {}\n---\nlog: {}", "yaml", "a configuration is a single YAML document"},
		"a broken second":   {"log: {}\n---\n[canary", "line 3", "did not find expected ',' or ']'"},
		"bytes that are no text": {
			"log: \xff\xfe", "yaml", "invalid leading UTF-8 octet",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse([]byte(tc.text), environ())
			if diff := cmp.Diff([]config.FieldError{{Path: tc.path, Message: tc.message}}, config.Errors(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMistakesWithoutAKeyNameTheFile(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"a tab":                     {"log:\n\tlevel: canary", ": line 2: a tab is not allowed for indentation: use spaces"},
		"an open bracket":           {"log: {}\nhosts: [canary", ": line 2: did not find expected ',' or ']'"},
		"an unknown alias":          {"log: *canary", ": invalid; a text that starts with *, & or ! needs quotes"},
		"two documents":             {"log: {}\n---\nlog: {}", ": a configuration is a single YAML document"},
		"a document that is a list": {"\n- canary", ": line 2: a configuration is a map of keys"},
		"a foreign tag":             {"!canary x", ": line 1: a tag (!) that is not known here: a text that starts with ! needs quotes"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "c.yaml")
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(file, environ()); fmt.Sprint(err) != file+tc.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestHostileDocumentsAreRefusedQuickly(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a: &a [x]\n")
	for c := 'b'; c < 'k'; c++ {
		nine := strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9)
		fmt.Fprintf(&bomb, "%c: &%c [%s]\n", c, c, nine)
	}
	for name, text := range map[string]string{
		"an alias bomb":       bomb.String(),
		"an alias of itself":  "hosts: &a [*a]",
		"a map of itself":     "log: &a {b: *a}",
		"a merge of itself":   "log: &a {<<: *a}",
		"deep nesting":        strings.Repeat("[", 5000),
		"deep closed nesting": "hosts: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"a very long key":     strings.Repeat("k", 100_000) + ": 1",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse([]byte(text), environ())
			if err == nil || len(err.Error()) > 10_000 {
				t.Errorf("got %.200v", err)
			}
		})
	}
}

func TestAllErrorsComeAtOnce(t *testing.T) {
	_, err := config.Parse([]byte(`
lisen: []
log: {level: loud, level: quiet}
defaults: {timeout: 30, min_ttl: -1s}
services:
  A: {provider: static, token: x}
  b: {provider: login, request: 5, response: {token: t, success: code==0}}
  c: {provider: client_credentials, token_url: [], scopes: ["a b"]}
`), environ("TOKEND__NOPE=1"))
	want := `TOKEND__NOPE: there is no key nope
defaults.min_ttl: must be between 0s and 87600h
defaults.timeout: a duration needs a unit: write 30s for seconds
lisen: unknown key; did you mean listen?
log.level: duplicate key: line 3 and line 3
services.A: the name must have 1 to 63 characters of a-z, 0-9, dot, underscore and hyphen, the first a letter or digit
services.b.request: must be a map, not a number
services.b.response.success: == needs a space on either side, or a \ before it if it belongs to the path
services.c.client_id: required
services.c.client_secret: required
services.c.scopes[0]: must be one scope: printable ASCII without spaces, quotes and backslashes
services.c.token_url: must be a text, not a list`
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsOfSomethingElse(t *testing.T) {
	if got := config.Errors(nil); got != nil {
		t.Errorf("got %v", got)
	}
	if got := config.Errors(fmt.Errorf("reload: %w", &config.FieldError{Path: "a", Message: "b"})); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if got := config.Errors(fmt.Errorf("other")); got != nil {
		t.Errorf("got %v", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{everything, layered, "a: &a [*a]", "<<: {a: 1}", "services: {s: {provider: login}}", "? [a]\n: b", "{", "!x", "\xff"} {
		f.Add([]byte(seed), "LOG__LEVEL", "info")
	}
	f.Add([]byte(layered), "SERVICES__BILLING__TIMEOUT", "${env:X}")
	f.Fuzz(func(t *testing.T, text []byte, name, value string) {
		if strings.Contains(string(text)+value, "file") {
			return // would read whatever file the input names
		}
		_, err := config.Parse(text, environ("TOKEND__"+name+"="+value))
		if err == nil {
			return
		}
		all := config.Errors(err)
		if len(all) == 0 {
			t.Fatalf("an error without a path: %v", err)
		}
		for _, e := range all {
			if e.Path == "" || e.Message == "" {
				t.Errorf("got %+v", e)
			}
		}
	})
}
