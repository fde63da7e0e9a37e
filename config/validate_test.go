package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tokend/config"
)

// valid returns a literal with one service of each built-in kind.
func valid() *config.Config {
	return &config.Config{Services: map[string]config.Service{
		"cc": {
			Provider: config.KindClientCredentials,
			ClientCredentials: &config.ClientCredentials{
				TokenURL: "https://idp.example/token", ClientID: "probe", ClientSecret: config.NewSecret("x"),
			},
		},
		"login": {
			Provider: config.KindLogin,
			Login: &config.Login{
				Request:  config.Request{URL: config.NewSecret("https://idp.example/login")},
				Response: config.Response{Token: "t"},
			},
		},
		"static": {Provider: config.KindStatic, Static: &config.Static{Token: config.NewSecret("x")}},
		"file":   {Provider: config.KindFile, File: &config.File{Path: "/run/token"}},
		"exec":   {Provider: config.KindExec, Exec: &config.Exec{Command: []config.Secret{config.NewSecret("tool"), {}}}},
		"own":    {Provider: "my-kind", Options: config.NewTree(map[string]any{"a": "b"})},
	}}
}

// change returns what spoils the named service of a valid literal.
func change(name string, spoil func(s *config.Service)) func(c *config.Config) {
	return func(c *config.Config) {
		s := c.Services[name]
		spoil(&s)
		c.Services[name] = s
	}
}

func listen(address string) func(c *config.Config) {
	return func(c *config.Config) { c.Listen = []config.Listener{{Address: address}} }
}

func checkLiterals(t *testing.T, cases map[string]struct {
	spoil func(c *config.Config)
	want  string
},
) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := valid()
			tc.spoil(c)
			got := ""
			if err := c.Validate(); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

const (
	unixForm = "listen[0]: the path of a Unix socket must be absolute, without . and .. and doubled slashes"
	loopback = "clients: required, for listen[0] can be reached from other machines\nlisten[0].tls: required, for the address is not on loopback: tokens would cross the network in the clear"
	tcpForm  = "listen[0]: a TCP address is tcp://HOST:PORT"
	hostForm = "hosts[0]: must be a host or host:port in lower case, without scheme and path"
)

func TestValidateTopLevel(t *testing.T) {
	checkLiterals(t, map[string]struct {
		spoil func(c *config.Config)
		want  string
	}{
		"nothing is wrong":      {func(*config.Config) {}, ""},
		"a later version":       {func(c *config.Config) { c.Version = 2 }, "version: must be 1"},
		"a log level":           {func(c *config.Config) { c.Log.Level = "canary" }, "log.level: must be one of error, warn, info, debug"},
		"a log format":          {func(c *config.Config) { c.Log.Format = "canary" }, "log.format: must be one of text, json"},
		"a vault":               {func(c *config.Config) { c.Vault.Memory = "canary" }, "vault.memory: must be one of sealed, plain"},
		"a negative limit":      {func(c *config.Config) { c.Limits.WaitersPerService = -1 }, "limits.waiters_per_service: must be between 1 and 1000000"},
		"requests below none":   {func(c *config.Config) { c.Limits.InFlightPerClient = -1 }, "limits.in_flight_per_client: must be between 1 and 1000000"},
		"too many streams":      {func(c *config.Config) { c.Limits.StreamsPerClient = 1_000_001 }, "limits.streams_per_client: must be between 1 and 1000000"},
		"a mode of start":       {func(c *config.Config) { c.Startup.Mode = "later" }, "startup.mode: must be one of serve, wait"},
		"a negative wait":       {func(c *config.Config) { c.Startup.Timeout = -1 }, "startup.timeout: must be at most 5m, and not negative"},
		"a wait beyond reason":  {func(c *config.Config) { c.Startup.Timeout = 5*time.Minute + 1 }, "startup.timeout: must be at most 5m, and not negative"},
		"a limit beyond reason": {func(c *config.Config) { c.Limits.InFlightPerHost = 10_001 }, "limits.in_flight_per_host: must be between 1 and 10000"},
		"no timeout":            {func(c *config.Config) { c.Defaults.Timeout = new(time.Duration(0)) }, "defaults.timeout: must be longer than 0s and at most 5m"},
		"the longest timeout":   {func(c *config.Config) { c.Defaults.Timeout = new(5 * time.Minute) }, ""},
		"too long a timeout":    {func(c *config.Config) { c.Defaults.Timeout = new(5*time.Minute + 1) }, "defaults.timeout: must be longer than 0s and at most 5m"},
		"no time to connect":    {func(c *config.Config) { c.Defaults.ConnectTimeout = new(time.Duration(0)) }, "defaults.connect_timeout: must be longer than 0s and at most 5m"},
		"no warning ahead":      {func(c *config.Config) { c.Defaults.WarnBefore = new(time.Duration(0)) }, ""},
		"a negative warning":    {func(c *config.Config) { c.Defaults.WarnBefore = new(-time.Second) }, "defaults.warn_before: must be between 0s and 87600h"},
		"an endless threshold":  {func(c *config.Config) { c.Defaults.RefreshThreshold = new(time.Duration(1 << 62)) }, "defaults.refresh_threshold: must be between 0s and 87600h"},
		"a socket":              {listen("unix:///run/tokend.sock"), ""},
		"a relative socket":     {listen("unix://run/tokend.sock"), unixForm},
		"a socket with dots":    {listen("unix:///run/../tokend.sock"), unixForm},
		"a socket named /":      {listen("unix:///"), unixForm},
		"a long socket":         {listen("unix:///" + strings.Repeat("x", 100)), "listen[0]: the path of a Unix socket may have 100 bytes"},
		"loopback":              {listen("tcp://127.8.9.10:0"), ""},
		"loopback, version 6":   {listen("tcp://[::1]:7460"), ""},
		"loopback by name":      {listen("tcp://localhost:7460"), ""},
		"loopback in capitals":  {listen("tcp://LOCALHOST:7460"), ""},
		"loopback with a zone":  {listen("tcp://[::1%lo]:7460"), loopback},
		"no listener":           {func(c *config.Config) { c.Listen = []config.Listener{} }, "listen: is empty: name an address, or leave the key out"},
		"the same but for case": {
			func(c *config.Config) {
				c.Listen = []config.Listener{{Address: "tcp://localhost:1"}, {Address: "tcp://LocalHost:1"}}
			},
			"listen[1]: has the same address as another listener",
		},
		"all interfaces":     {listen("tcp://0.0.0.0:7460"), loopback},
		"any interface":      {listen("tcp://:7460"), loopback},
		"another host":       {listen("tcp://canary.example:7460"), loopback},
		"no port":            {listen("tcp://127.0.0.1"), tcpForm},
		"a named port":       {listen("tcp://127.0.0.1:http"), tcpForm},
		"an impossible port": {listen("tcp://127.0.0.1:65536"), tcpForm},
		"another scheme":     {listen("https://127.0.0.1:7460"), "listen[0]: the address must be unix:///ABSOLUTE/PATH or tcp://127.0.0.1:PORT"},
		"the same address in two forms": {
			func(c *config.Config) {
				c.Listen = []config.Listener{{Address: "tcp://127.0.0.1:1"}, {Address: "http://127.0.0.1:1"}}
			},
			"listen[1]: has the same address as another listener",
		},
		"the same address": {
			func(c *config.Config) { c.Listen = []config.Listener{{Address: "unix:///a"}, {Address: "unix:///a"}} },
			"listen[1]: has the same address as another listener",
		},
		"a name like an address": {
			func(c *config.Config) { c.Listen = []config.Listener{{Address: "unix:///a", Name: "unix:///b"}} },
			"listen[0].name: must not look like an address: a listener without a name goes by its own",
		},
		"the same name": {
			func(c *config.Config) {
				c.Listen = []config.Listener{{Address: "unix:///a", Name: "n"}, {Address: "unix:///b", Name: "n"}}
			},
			"listen[1]: has the same name as another listener",
		},
		"free ports differ": {
			func(c *config.Config) {
				c.Listen = []config.Listener{{Address: "tcp://127.0.0.1:0"}, {Address: "tcp://127.0.0.1:0"}}
			}, "",
		},
		"a trusted directory for TCP": {func(c *config.Config) {
			c.Listen = []config.Listener{{Address: "tcp://127.0.0.1:1", TrustDirectory: true}}
		}, "listen[0].trust_directory: is for Unix sockets only"},
		"a trusted directory for a socket": {func(c *config.Config) {
			c.Listen = []config.Listener{{Address: "unix:///run/s", TrustDirectory: true}}
		}, ""},
		"a trusted directory without a vault": {func(c *config.Config) { c.Vault.TrustDirectory = true }, "vault.trust_directory: is for a vault.path"},
		"a trusted directory without an audit": {
			func(c *config.Config) { c.Audit.TrustDirectory = true }, "audit.trust_directory: is for an audit.path that is a file",
		},
		"a trusted directory of stdout": {
			func(c *config.Config) { c.Audit = config.Audit{Path: "stdout", TrustDirectory: true} }, "audit.trust_directory: is for an audit.path that is a file",
		},
		"a mode for TCP": {
			func(c *config.Config) { c.Listen = []config.Listener{{Address: "tcp://127.0.0.1:1", Mode: 0o600}} },
			"listen[0]: mode and group are for Unix sockets only",
		},
		"a mode of other bits": {
			func(c *config.Config) { c.Listen = []config.Listener{{Address: "unix:///a", Mode: os.ModeDir}} },
			"listen[0].mode: must be permission bits only",
		},
		"hosts":              {func(c *config.Config) { c.Hosts = []string{"a", "a.b:80", "[::1]", "[::1]:80", "127.0.0.1", "a_b"} }, ""},
		"a host in capitals": {func(c *config.Config) { c.Hosts = []string{"Canary"} }, hostForm},
		"a URL for a host":   {func(c *config.Config) { c.Hosts = []string{"https://canary"} }, hostForm},
		"a wildcard":         {func(c *config.Config) { c.Hosts = []string{"*.canary"} }, hostForm},
		"an empty host":      {func(c *config.Config) { c.Hosts = []string{""} }, hostForm},
		"a host and no port": {func(c *config.Config) { c.Hosts = []string{"canary:"} }, hostForm},
		"half a bracket":     {func(c *config.Config) { c.Hosts = []string{"[::1"} }, hostForm},
	})
}

func tokenURL(url string) func(c *config.Config) {
	return change("cc", func(s *config.Service) { s.ClientCredentials.TokenURL = url })
}

func TestValidateServices(t *testing.T) {
	checkLiterals(t, map[string]struct {
		spoil func(c *config.Config)
		want  string
	}{
		"a long name":           {func(c *config.Config) { c.Services[strings.Repeat("n", 63)] = c.Services["own"] }, ""},
		"http to loopback":      {tokenURL("http://127.0.0.1:8080/token"), ""},
		"http to loopback, six": {tokenURL("http://[::1]/token"), ""},
		"http to localhost":     {tokenURL("http://localhost/token?x=y"), ""},
		"http elsewhere":        {tokenURL("http://canary.example/token"), "services.cc.token_url: must be https: without it the secret can be read on the way (allow_http: true permits it)"},
		"a name like loopback":  {tokenURL("http://127.0.0.1.canary/token"), "services.cc.token_url: must be https: without it the secret can be read on the way (allow_http: true permits it)"},
		"another scheme":        {tokenURL("ftp://canary/token"), "services.cc.token_url: must be an https URL"},
		"a relative URL":        {tokenURL("/canary"), "services.cc.token_url: must be an absolute URL"},
		"no host":               {tokenURL("https:///canary"), "services.cc.token_url: must be an absolute URL"},
		"not a URL":             {tokenURL("https://canary:%%"), "services.cc.token_url: must be an absolute URL"},
		"a password in a URL":   {tokenURL("https://user:canary@idp.example/"), "services.cc.token_url: must not hold a user or password"},
		"a fragment":            {tokenURL("https://idp.example/#canary"), "services.cc.token_url: must not have a fragment"},
		"an empty fragment":     {tokenURL("https://idp.example/#"), "services.cc.token_url: must not have a fragment"},
		"an impossible port":    {tokenURL("https://idp.example:99999/"), "services.cc.token_url: has an impossible port"},
		"no URL":                {tokenURL(""), "services.cc.token_url: required, unless there is an issuer"},
		"http where it may be":  {change("cc", func(s *config.Service) { s.AllowHTTP = true; s.ClientCredentials.TokenURL = "http://idp.example" }), ""},
		"an authentication":     {change("cc", func(s *config.Service) { s.ClientCredentials.ClientAuth = "canary" }), "services.cc.client_auth: must be one of basic, basic_raw, post, none, client_secret_jwt, private_key_jwt, tls"},
		"http to a zone":        {tokenURL("http://[::1%25lo]/token"), "services.cc.token_url: must be https: without it the secret can be read on the way (allow_http: true permits it)"},
		"a colon for basic_raw": {
			change("cc", func(s *config.Service) {
				s.ClientCredentials.ClientID, s.ClientCredentials.ClientAuth = "a:b", config.AuthBasicRaw
			}),
			"services.cc.client_auth: basic_raw cannot carry a client_id with a colon in it",
		},
		"a colon for basic":      {change("cc", func(s *config.Service) { s.ClientCredentials.ClientID = "a:b" }), ""},
		"no client secret":       {change("cc", func(s *config.Service) { s.ClientCredentials.ClientSecret = config.Secret{} }), "services.cc.client_secret: required"},
		"an unset client secret": {change("cc", func(s *config.Service) { s.ClientCredentials.ClientSecret = config.NewSecret("${env:TOKEND_UNSET}") }), "services.cc.client_secret: ${env:TOKEND_UNSET}: not set"},
		"scopes":                 {change("cc", func(s *config.Service) { s.ClientCredentials.Scopes = []string{"a", `b"`, "https://x/.default"} }), "services.cc.scopes[1]: must be one scope: printable ASCII without spaces, quotes and backslashes"},
		"a resource":             {change("cc", func(s *config.Service) { s.ClientCredentials.Resource = []string{"urn:x", "canary"} }), "services.cc.resource[1]: must be an absolute URI without a fragment"},
		"an unset parameter": {change("cc", func(s *config.Service) {
			s.ClientCredentials.Params = config.Secrets{"p": config.NewSecret("${file:/none}")}
		}), "services.cc.params.p: ${file:/none}: no such file or directory"},
		"hosts":                   {change("cc", func(s *config.Service) { s.Hosts = []string{"https://canary"} }), "services.cc." + hostForm},
		"a setting":               {change("cc", func(s *config.Service) { s.MinTTL = new(-time.Second) }), "services.cc.min_ttl: must be between 0s and 87600h"},
		"no kind":                 {change("own", func(s *config.Service) { s.Provider = "" }), "services.own.provider: required: one of client_credentials, refresh_token, password, jwt_bearer, login, static, file, exec, or a host's own kind"},
		"a kind that is no name":  {change("own", func(s *config.Service) { s.Provider = "Canary kind" }), "services.own.provider: must have 1 to 63 characters of a-z, 0-9, dot, underscore and hyphen, the first a letter or digit"},
		"options of another kind": {change("static", func(s *config.Service) { s.Options = config.NewTree(map[string]any{}) }), "services.static.options: is for kinds of provider that are not built in"},
		"an unset option":         {change("own", func(s *config.Service) { s.Options = config.NewTree(map[string]any{"a": "${env:TOKEND_UNSET}"}) }), "services.own.options.a: ${env:TOKEND_UNSET}: not set"},
		"fields of another kind":  {change("own", func(s *config.Service) { s.Static = &config.Static{} }), "services.own: has keys that belong to provider static"},
		"no fields":               {change("static", func(s *config.Service) { s.Static = nil }), "services.static.token: required"},
		"a token with a newline":  {change("static", func(s *config.Service) { s.Static.Token = config.NewSecret("canary\n") }), "services.static.token: holds a space, a line break or another character that is not visible ASCII"},
		"a token with a space":    {change("static", func(s *config.Service) { s.Static.Token = config.NewSecret("canary ") }), "services.static.token: holds a space, a line break or another character that is not visible ASCII"},
		"a token with an umlaut":  {change("static", func(s *config.Service) { s.Static.Token = config.NewSecret("canäry") }), "services.static.token: holds a space, a line break or another character that is not visible ASCII"},
		"a type of 65 characters": {change("static", func(s *config.Service) { s.Static.TokenType = strings.Repeat("x", 65) }), "services.static.token_type: must be a single word of at most 64 characters"},
		"a type of two words":     {change("static", func(s *config.Service) { s.Static.TokenType = "canary two" }), "services.static.token_type: must be a single word of at most 64 characters"},
	})
}

func request(spoil func(r *config.Request)) func(c *config.Config) {
	return change("login", func(s *config.Service) { spoil(&s.Login.Request) })
}

func response(spoil func(r *config.Response)) func(c *config.Config) {
	return change("login", func(s *config.Service) { spoil(&s.Login.Response) })
}

func TestValidateLogin(t *testing.T) {
	secret := config.NewSecret
	checkLiterals(t, map[string]struct {
		spoil func(c *config.Config)
		want  string
	}{
		"a lower-case method":   {request(func(r *config.Request) { r.Method = "post" }), "services.login.request.method: must be an HTTP method in capitals"},
		"no URL":                {request(func(r *config.Request) { r.URL = config.Secret{} }), "services.login.request.url: required"},
		"a URL without TLS":     {request(func(r *config.Request) { r.URL = secret("http://canary.example/") }), "services.login.request.url: must be https: without it the secret can be read on the way (allow_http: true permits it)"},
		"an unset URL":          {request(func(r *config.Request) { r.URL = secret("https://${env:TOKEND_UNSET}/") }), "services.login.request.url: ${env:TOKEND_UNSET}: not set"},
		"a header name":         {request(func(r *config.Request) { r.Headers = config.Secrets{"a b": secret("x")} }), "services.login.request.headers.a…: is not a valid header name"},
		"a header with newline": {request(func(r *config.Request) { r.Headers = config.Secrets{"A": secret("canary\r\nB: c")} }), "services.login.request.headers.A: holds a line break or another control character"},
		"a header twice":        {request(func(r *config.Request) { r.Headers = config.Secrets{"x-app": secret("x"), "X-App": secret("y")} }), "services.login.request.headers: has X-App twice; case does not matter in header names"},
		"an empty name":         {request(func(r *config.Request) { r.Query = config.Secrets{"": secret("x")} }), "services.login.request.query: has an empty name"},
		"an empty value":        {request(func(r *config.Request) { r.Query = config.Secrets{"a": {}} }), ""},
		"two bodies":            {request(func(r *config.Request) { r.Body = secret("x"); r.JSON = config.NewTree(1) }), "services.login.request: has more than one of json, form and body"},
		"a form and a body":     {request(func(r *config.Request) { r.Body = secret("x"); r.Form = config.Secrets{"a": secret("x")} }), "services.login.request: has more than one of json, form and body"},
		"an unset text in JSON": {
			request(func(r *config.Request) { r.JSON = config.NewTree(map[string]any{"a": []any{"${env:TOKEND_UNSET}"}}) }),
			"services.login.request.json.a[0]: ${env:TOKEND_UNSET}: not set",
		},
		"no path of a token":   {response(func(r *config.Response) { r.Token = "" }), "services.login.response.token: required"},
		"a path too long":      {response(func(r *config.Response) { r.Error = strings.Repeat("x", 1025) }), "services.login.response.error: is longer than 1024 bytes"},
		"a path of two lines":  {response(func(r *config.Response) { r.Scope = "a\nb" }), "services.login.response.scope: holds a control character"},
		"a success":            {response(func(r *config.Response) { r.Success = "code == canary" }), "services.login.response.success: what follows == is not a JSON literal (texts need double quotes)"},
		"a rejection":          {response(func(r *config.Response) { r.Rejected = "code < true" }), "services.login.response.rejected: < compares numbers and texts only"},
		"a predicate by space": {response(func(r *config.Response) { r.Rejected = " " }), "services.login.response.rejected: is empty"},
	})
}

// certificate writes a self-signed certificate and its key and returns their paths.
func certificate(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	texts := config.SelfSigned(t)
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for path, text := range map[string]string{cert: texts["client.pem"], key: texts["client.key"]} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestValidateTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir, "one")
	other, _ := certificate(t, dir, "two")
	with := func(tls config.TLS) func(c *config.Config) {
		return change("cc", func(s *config.Service) { s.TLS = &tls })
	}
	checkLiterals(t, map[string]struct {
		spoil func(c *config.Config)
		want  string
	}{
		"nothing set":           {with(config.TLS{}), ""},
		"everything set":        {with(config.TLS{CAFile: cert, CertFile: cert, KeyFile: key, ServerName: "IDP.internal"}), ""},
		"no key":                {with(config.TLS{CertFile: cert}), "services.cc.tls.key_file: required, for cert_file is set"},
		"no certificate":        {with(config.TLS{KeyFile: key}), "services.cc.tls.cert_file: required, for key_file is set"},
		"no pair":               {with(config.TLS{CertFile: other, KeyFile: key}), "services.cc.tls.cert_file: does not make a pair with key_file in PEM form"},
		"a file that is not":    {with(config.TLS{CAFile: filepath.Join(dir, "none")}), "services.cc.tls.ca_file: no such file or directory"},
		"a file of other stuff": {with(config.TLS{CAFile: key}), "services.cc.tls.ca_file: holds no certificate in PEM form"},
		"a name that is none":   {with(config.TLS{ServerName: "https://canary"}), "services.cc.tls.server_name: must be the name of a host"},
	})
	t.Run("relative paths start at the file", func(t *testing.T) {
		text := "services: {s: {provider: own, tls: {ca_file: one.pem, cert_file: one.pem, key_file: one.key}}}"
		c, err := config.Parse([]byte(text), environ(), config.WithDir(dir))
		if err != nil || c.Services["s"].TLS.CAFile != cert {
			t.Errorf("got %v, %v", c, err)
		}
	})
}

func TestLiteralsGetTheErrorsOfAFile(t *testing.T) {
	literal := &config.Config{
		Log: config.Log{Level: "loud"},
		Services: map[string]config.Service{
			"a": {Provider: config.KindLogin},
			"b": {Provider: config.KindClientCredentials, ClientCredentials: &config.ClientCredentials{TokenURL: "x", Scopes: []string{""}}},
		},
	}
	_, err := config.Parse([]byte(`
log: {level: loud}
services: {a: {provider: login}, b: {provider: client_credentials, token_url: x, scopes: [""]}}
`), environ())
	if got, want := fmt.Sprint(literal.Validate()), fmt.Sprint(err); got != want {
		t.Errorf("a literal gets\n%s\na file gets\n%s", got, want)
	}
}
