package config_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tokend/config"
)

func environ(entries ...string) config.Option {
	return config.WithEnviron(func() []string { return entries })
}

// parse parses text with nothing but the given variables in the environment.
func parse(t *testing.T, text string, variables ...string) *config.Config {
	t.Helper()
	c, err := config.Parse([]byte(text), environ(variables...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func reveal(t *testing.T, s config.Secret) string {
	t.Helper()
	text, err := s.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return text.Reveal()
}

const everything = `
version: 1
listen:
  - unix:///run/tokend/tokend.sock
  - {address: "tcp://127.0.0.1:7460", name: local}
  - {address: unix:///run/other.sock, mode: "0660", group: web}
hosts: [Tokend.Internal, "tokend.internal:7460"]
log: {level: debug, format: json}
startup: {mode: wait, timeout: 1m}
vault: {memory: plain}
limits: {waiters_per_service: 5, in_flight_per_host: 6, connections: 7, requests_per_second: 8, in_flight_per_client: 9, streams_per_client: 10}
audit: {path: /var/log/audit}
clients:
  - {name: app, uid: 0, grants: [{services: [billing, "erp-*"], verbs: [get]}]}
  - {name: web, gid: 33, grants: [{verbs: [metrics]}]}
  - {name: near, listener: local, grants: [{services: ["*"], verbs: [info, watch]}]}
  - {name: host, san: "dns:Host.example", grants: [{services: ["*"], verbs: [admin]}]}
defaults:
  {timeout: 20s, connect_timeout: 2s, refresh_threshold: 1m, warn_before: 1m30s, warn_always: true, min_ttl: 5s, default_ttl: 1h, max_ttl: 12h, rejected_tries: 3, reissue: at_expiry, eager: true, required: false}
services:
  billing:
    provider: client_credentials
    token_url: https://idp.example/oauth2/token
    client_id: ${env:ID}
    client_secret: ${env:SECRET}
    client_auth: basic_raw
    scopes: [read, write]
    audience: everyone
    resource: [https://api.example/]
    params: {tenant: "${env:SECRET}"}
    tls: {server_name: idp.internal}
    hosts: [API.billing.example]
    timeout: 3s
    eager: false
  erp:
    provider: login
    allow_http: true
    request:
      method: PUT
      url: http://erp.example/api/login?x=${env:ID}
      query: {a: b}
      headers: {X-App: probe}
      json: {user: probe, password: "${env:SECRET}", n: 7, f: 1.5, list: [true, null], big: 18446744073709551615}
    response:
      {token: data.token, token_type: t, expires_in: i, expires_in_ms: m, expires_at: a, refresh_token: r, scope: s, error: msg, status: [200, 302], success: code == 0, rejected: code == 7}
  fixed: {provider: static, token: "${env:SECRET}", token_type: ApiKey, scopes: [a], expires_at: 2040-01-02T03:04:05+01:00}
  mine: {provider: my-kind, options: {key: "${env:SECRET}", n: 1}}
`

func TestParseReadsEveryKey(t *testing.T) {
	c := parse(t, everything, "ID=probe", "SECRET=hush")
	dur := func(d time.Duration) *time.Duration { return &d }
	want := config.Config{
		Version: 1,
		Listen: []config.Listener{
			{Address: "unix:///run/tokend/tokend.sock"},
			{Address: "tcp://127.0.0.1:7460", Name: "local"},
			{Address: "unix:///run/other.sock", Mode: 0o660, Group: "web"},
		},
		Hosts:   []string{"tokend.internal", "tokend.internal:7460"},
		Log:     config.Log{Level: "debug", Format: "json"},
		Startup: config.Startup{Mode: config.StartupWait, Timeout: time.Minute},
		Vault:   config.Vault{Memory: "plain"},
		Limits:  config.Limits{WaitersPerService: 5, InFlightPerHost: 6, Connections: 7, RequestsPerSecond: 8, InFlightPerClient: 9, StreamsPerClient: 10},
		Audit:   config.Audit{Path: "/var/log/audit"},
		Clients: []config.Client{
			{Name: "app", UID: new(uint32(0)), Grants: []config.Grant{{Services: []string{"billing", "erp-*"}, Verbs: []string{"get"}}}},
			{Name: "web", GID: new(uint32(33)), Grants: []config.Grant{{Verbs: []string{"metrics"}}}},
			{Name: "near", Listener: "local", Grants: []config.Grant{{Services: []string{"*"}, Verbs: []string{"info", "watch"}}}},
			{Name: "host", SAN: "dns:Host.example", Grants: []config.Grant{{Services: []string{"*"}, Verbs: []string{"admin"}}}},
		},
		Defaults: config.Settings{
			Timeout: dur(20 * time.Second), ConnectTimeout: dur(2 * time.Second), RefreshThreshold: dur(time.Minute),
			WarnBefore: dur(90 * time.Second), WarnAlways: new(true), MinTTL: dur(5 * time.Second),
			DefaultTTL: dur(time.Hour), MaxTTL: dur(12 * time.Hour), RejectedTries: new(3), Reissue: new("at_expiry"), Eager: new(true), Required: new(false),
		},
	}
	got := *c
	got.Services = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	t.Run("client_credentials", func(t *testing.T) { checkBilling(t, c) })
	t.Run("login", func(t *testing.T) { checkERP(t, c.Services["erp"]) })
	t.Run("others", func(t *testing.T) { checkOthers(t, c) })
}

func checkBilling(t *testing.T, c *config.Config) {
	svc := c.Services["billing"]
	p := c.Policy(&svc)
	if p.Timeout != 3*time.Second || p.ConnectTimeout != 2*time.Second || p.Eager || !p.WarnAlways {
		t.Errorf("policy %+v", p)
	}
	cc := svc.ClientCredentials
	if s, p := reveal(t, cc.ClientSecret), reveal(t, cc.Params["tenant"]); s != "hush" || p != "hush" {
		t.Errorf("secrets %q, %q", s, p)
	}
	got := []any{cc.TokenURL, cc.ClientID, cc.ClientAuth, cc.Scopes, cc.Audience, cc.Resource, svc.Hosts, svc.TLS}
	want := []any{
		"https://idp.example/oauth2/token", "probe", config.AuthBasicRaw,
		[]string{"read", "write"},
		"everyone",
		[]string{"https://api.example/"},
		[]string{"api.billing.example"},
		&config.TLS{ServerName: "idp.internal"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func checkERP(t *testing.T, svc config.Service) {
	r := svc.Login.Request
	texts := []string{r.Method, reveal(t, r.URL), reveal(t, r.Query["a"]), reveal(t, r.Headers["X-App"])}
	if diff := cmp.Diff([]string{"PUT", "http://erp.example/api/login?x=probe", "b", "probe"}, texts); diff != "" {
		t.Error(diff)
	}
	body, err := r.JSON.Resolve()
	want := map[string]any{
		"user": "probe", "password": "hush", "n": 7, "f": 1.5, "list": []any{true, nil}, "big": uint64(18446744073709551615),
	}
	if diff := cmp.Diff(want, body); diff != "" || err != nil {
		t.Error(diff, err)
	}
	paths := config.Response{
		Token: "data.token", TokenType: "t", ExpiresIn: "i", ExpiresInMS: "m", ExpiresAt: "a", RefreshToken: "r",
		Scope: "s", Error: "msg", Status: []int{200, 302}, Success: "code == 0", Rejected: "code == 7",
	}
	if diff := cmp.Diff(paths, svc.Login.Response); diff != "" {
		t.Error(diff)
	}
}

func checkOthers(t *testing.T, c *config.Config) {
	fixed := c.Services["fixed"].Static
	if reveal(t, fixed.Token) != "hush" || fixed.TokenType != "ApiKey" || !fixed.ExpiresAt.Equal(time.Date(2040, 1, 2, 2, 4, 5, 0, time.UTC)) {
		t.Errorf("static %+v", fixed)
	}
	options, err := c.Services["mine"].Options.Resolve()
	if diff := cmp.Diff(map[string]any{"key": "hush", "n": 1}, options); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestAnEmptyFileGivesTheDefaults(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "a comment": "# nothing\n", "a marker": "---\n", "null": "~",
		"keys without values": "version:\nlisten:\nlog:\n  level:\nvault:\nlimits:\ndefaults:\n  timeout:\nservices:\n",
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(config.Config{}.WithDefaults(), *parse(t, text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDefaultsAreThoseOfAServiceThatSetsNone(t *testing.T) {
	c := config.Config{}.WithDefaults()
	if got := c.Policy(&config.Service{}); got != config.DefaultPolicy() {
		t.Errorf("got %+v, want %+v", got, config.DefaultPolicy())
	}
	if c.Version != 1 || c.Listen[0].Address != "unix:///run/tokend/tokend.sock" || c.Log != (config.Log{Level: "info", Format: "text"}) ||
		c.Vault.Memory != "sealed" || c.Limits != (config.Limits{WaitersPerService: 10_000, InFlightPerHost: 32, Connections: 4096}) {
		t.Errorf("got %+v", c)
	}
}

func TestWithDefaultsKeepsWhatIsSet(t *testing.T) {
	set := parse(t, everything, "ID=probe", "SECRET=hush")
	c := set.WithDefaults()
	c.Services, set.Services = nil, nil
	if diff := cmp.Diff(*set, c); diff != "" {
		t.Error(diff)
	}
}

func TestRelativePathsStartAtTheFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "tokend.yaml")
	text := "log: {level: \"${file:level}\"}\nservices: {s: {provider: static, token: \"${file:secret}\"}}"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(file, environ())
	if fmt.Sprint(err) != "log.level: ${file:level}: no such file or directory" {
		t.Fatalf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "level"), []byte("warn\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, environ())
	if err != nil || c.Log.Level != "warn" || reveal(t, c.Services["s"].Static.Token) != "hush" {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestLoadNamesTheFileItCannotRead(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file or directory",
		dir:                        "not a regular file",
	} {
		_, err := config.Load(path, environ())
		if diff := cmp.Diff([]config.FieldError{{Path: path, Message: want}}, config.Errors(err)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAliasesAndMergeKeys(t *testing.T) {
	c := parse(t, `
services:
  a: &base {provider: client_credentials, token_url: https://idp.example/token, client_id: a, client_secret: x, scopes: [&s one, *s]}
  b: {<<: *base, client_id: b}
  c: {<<: [{client_id: c}, *base]}
`)
	for name, svc := range c.Services {
		if cc := svc.ClientCredentials; cc.ClientID != name || cc.Scopes[1] != "one" || reveal(t, cc.ClientSecret) != "x" {
			t.Errorf("%s: %+v", name, cc)
		}
	}
}

func TestSocketModes(t *testing.T) {
	for written, want := range map[string]fs.FileMode{`"0660"`: 0o660, `0660`: 0o660, `0o600`: 0o600, `"660"`: 0o660} {
		c := parse(t, "listen: [{address: unix:///a, mode: "+written+"}]")
		if got := c.Listen[0].Mode; got != want {
			t.Errorf("%s: got %o, want %o", written, got, want)
		}
	}
}

func TestNamesThatLookLikeOtherThings(t *testing.T) {
	c := parse(t, "services: {123: {provider: static, token: x}, true: {provider: static, token: x}, a.b-c_d: {provider: static, token: x}}")
	for _, name := range []string{"123", "true", "a.b-c_d"} {
		if _, ok := c.Services[name]; !ok {
			t.Errorf("no service %s", name)
		}
	}
}

func TestErrorsComeInOrder(t *testing.T) {
	var b strings.Builder
	b.WriteString("services:\n")
	for i := range 50 {
		fmt.Fprintf(&b, "  s%02d: {provider: static}\n", i)
	}
	_, err := config.Parse([]byte(b.String()), environ())
	all := config.Errors(err)
	if len(all) != 50 {
		t.Fatalf("%d errors", len(all))
	}
	for i, e := range all {
		if want := fmt.Sprintf("services.s%02d.token", i); e.Path != want || e.Message != "required" {
			t.Errorf("error %d is %v, want %s", i, e, want)
		}
	}
}
