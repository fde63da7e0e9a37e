package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"go.yaml.in/yaml/v3"

	"tokend/config"
)

// secretive has the word canary in every place that counts as secret.
const secretive = `
vault: {path: /var/lib/tokend/vault, keys: [canary, "${env:CANARY}"]}
services:
  billing:
    provider: client_credentials
    token_url: https://idp.example/oauth2/token?key=canary
    client_id: probe
    client_secret: canary-${env:CANARY}
    authorization_details: [{type: canary}]
    params: {canary: canary}
  erp:
    provider: login
    request:
      method: CANARY
      url: https://erp.example/canary
      query: {canary: canary}
      headers: {Canary: canary}
      json: {canary: canary, password: "${env:CANARY}"}
    response: {token: t}
  key:
    provider: client_credentials
    token_url: https://idp.example/oauth2/token
    client_id: probe
    client_auth: private_key_jwt
    client_key: canary-${env:CANARY}
    client_certificate: canary
  refresh:
    provider: refresh_token
    token_url: https://idp.example/oauth2/token?key=canary
    client_id: probe
    client_secret: canary-${env:CANARY}
    refresh_token: canary-${env:CANARY}
    fallback: {provider: password, token_url: "https://idp.example/?canary", client_id: probe, client_auth: none, username: probe, password: canary}
  password: {provider: password, token_url: "https://idp.example/?canary", client_id: probe, client_auth: none, username: probe, password: canary}
  bearer: {provider: jwt_bearer, issuer: https://idp.example/, assertion: {key: "canary-${env:CANARY}", issuer: probe}}
  form: {provider: login, request: {url: "https://erp.example/canary", form: {canary: canary}}, response: {token: t}}
  body: {provider: login, request: {url: "https://erp.example/canary", body: canary}, response: {token: t}}
  steps:
    provider: login
    steps:
      - request: {template: true, url: "https://erp.example/canary", headers: {X: "{{ lower \"canary\" }}"}, json: {canary: "${env:CANARY}"}}
        capture: {c: data.c}
    request: {template: true, url: "https://erp.example/canary", body: '{{ hmac_sha256 "canary-${env:CANARY}" .c | hex }}'}
    response: {token_header: X-Token}
    inject: {header: X-Token, prefix: ""}
  fixed:
    provider: static
    token: canary
    sinks: [{path: /run/x, format: template, template: "canary-${env:CANARY} {{ token }}"}]
  command: {provider: exec, command: [/canary, canary, "${env:CANARY}"], env: {CANARY: canary, PIN: "canary-${env:CANARY}"}}
  own: {provider: own, options: {canary: [canary]}}
`

func showsCanary(text string) bool { return strings.Contains(strings.ToLower(text), "canary") }

// holder keeps values where fmt cannot call their methods.
type holder struct {
	secret  config.Secret
	tree    config.Tree
	service config.Service
}

func TestNoDumpShowsASecret(t *testing.T) {
	c := parse(t, secretive, "CANARY=canary")
	values := map[string]any{"config": *c, "pointer": c, "list": []any{*c}}
	for name, svc := range c.Services {
		values[name] = svc
		if svc.Sinks != nil {
			values[name+" sinks"], values[name+" sink"] = svc.Sinks, (*svc.Sinks)[0]
		}
		if svc.Login != nil {
			values[name+" login"], values[name+" request"] = *svc.Login, svc.Login.Request
			values[name+" steps"] = svc.Login.Steps
			values[name+" tree"], values[name+" url"] = svc.Login.Request.JSON, svc.Login.Request.URL
			values[name+" headers"], values[name+" inside"] = svc.Login.Request.Headers, holder{secret: svc.Login.Request.URL, tree: svc.Login.Request.JSON}
		}
	}
	fallback := c.Services["refresh"].RefreshToken.Fallback
	values["fallback"], values["fallback as it is"] = fallback, *fallback
	values["exec"], values["arguments"] = *c.Services["command"].Exec, c.Services["command"].Exec.Command
	cc := c.Services["billing"].ClientCredentials
	values["credentials"], values["hidden"] = *cc, holder{secret: cc.ClientSecret, service: c.Services["own"]}
	for name, v := range values {
		t.Run(name, func(t *testing.T) { checkDumps(t, v) })
	}
}

func TestADumpShowsWhereATokenURLLeads(t *testing.T) {
	for given, want := range map[string]string{
		"https://idp.example/a%2Fb/token?key=canary": "https://idp.example/a%2Fb/token",
		"https://idp.example":                        "https://idp.example",
		"https://u:canary@idp.example/#canary":       "https://idp.example/",
		"https://canary:%%":                          "[redacted]",
		"canary":                                     "[redacted]",
		"":                                           "",
	} {
		c := config.ClientCredentials{TokenURL: given}
		asJSON, err := json.Marshal(&c)
		if err != nil || !strings.Contains(string(asJSON), `"TokenURL":"`+want+`"`) {
			t.Errorf("JSON of %s: %s, %v", given, asJSON, err)
		}
		if text := fmt.Sprintf("%v", c); !strings.HasPrefix(text, "{TokenURL:"+want+" Issuer: ClientID:") {
			t.Errorf("text of %s: %s", given, text)
		}
	}
}

func checkDumps(t *testing.T, v any) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		text := fmt.Sprintf(verb, v)
		hex := fmt.Sprintf("%x", "canary")
		if showsCanary(text) || strings.Contains(strings.ToLower(text), hex) {
			t.Errorf("%s shows the secret: %s", verb, text)
		}
	}
	asJSON, _ := json.Marshal(v)
	asYAML, _ := yaml.Marshal(v)
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "v", v)
	log := logrus.New()
	log.SetOutput(&logged)
	log.WithField("v", v).Info("x")
	log.SetFormatter(&logrus.JSONFormatter{})
	log.WithField("v", v).Info("x")
	for name, text := range map[string]string{"JSON": string(asJSON), "YAML": string(asYAML), "a log": logged.String()} {
		if showsCanary(text) {
			t.Errorf("%s shows the secret: %s", name, text)
		}
	}
}

// TestNoErrorShowsAValue puts the word into every value, one that is wrong in
// some way wherever that is possible.
func TestNoErrorShowsAValue(t *testing.T) {
	for name, text := range map[string]string{
		"values that are wrong":    strings.NewReplacer("https://", "canary://", "probe", "canary probe", "token: t", "token: \"canary\\n\"", "own,", "Canary,").Replace(secretive),
		"lists for texts":          strings.NewReplacer("canary-${env:CANARY}", "[canary]", "body: canary", "body: [canary]").Replace(secretive),
		"unknown references":       strings.ReplaceAll(secretive, "${env:CANARY}", "${canary:x}"),
		"unterminated references":  strings.ReplaceAll(secretive, "${env:CANARY}", "${env:canary"),
		"settings":                 "version: canary\nlog: {level: canary, format: canary}\nvault: {memory: canary}\nlimits: {in_flight_per_host: canary}\nlisten: [canary, {address: canary, mode: canary, group: \"canary\\n\"}]\nhosts: [\"canary \"]\ndefaults: {timeout: canary, eager: canary}",
		"a password with an alias": "services: {s: {provider: static, token: *canary}}",
		"a password with a tag":    "services: {s: {provider: static, token: !canary x}}",
		"a password with a %":      "services:\n  s:\n    provider: static\n    token: %canary",
		"a password with an @":     "services:\n  s:\n    provider: static\n    token: @canary",
		"a password with quotes":   "services:\n  s:\n    provider: static\n    token: \"can\"canary",
		"a password with a colon":  "services:\n  s:\n    provider: static\n    token: x: canary",
		"a missing space":          "services:\n  s: {provider: static, token:canary }",
		"a missing quote":          "services:\n  s: {provider: static, token: 'canary }",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse([]byte(text), environ("CANARY=canary"))
			if err == nil {
				t.Fatal("no error")
			}
			for _, e := range config.Errors(err) {
				if showsCanary(e.Message) || showsCanary(strings.TrimSuffix(e.Path, ".canary")) && !isNamed(e.Path) {
					t.Errorf("shows a value: %s", e.Error())
				}
			}
		})
	}
}

// isNamed reports whether the word in path is the name of a key that the
// configuration itself gives.
func isNamed(path string) bool {
	for _, table := range []string{"params.", "query.", "headers.", "json.", "form.", "options."} {
		if strings.Contains(path, table) {
			return true
		}
	}
	return false
}
