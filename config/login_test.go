package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tokend/config"
)

const stepped = `
services:
  gate:
    provider: login
    steps:
      - request: {method: GET, url: "https://gate.example/a"}
        capture: {challenge: data.c, ticket: {header: X-Ticket}, sid: {cookie: sid}, also: {path: data.d}}
        response: {status: [303], success: code == 0, rejected: code == 1, error: msg}
      - request: {template: true, url: "https://gate.example/{{ .challenge | url_escape }}", headers: {X: "{{ concat .ticket\n .sid }}"}}
    request: {url: "https://gate.example/b", json: {a: "{{ plain }}"}}
    response: {token_cookie: sid, expires_in_header: X-Life, expires_at_header: X-Until}
    inject: {header: Authorization, prefix: ""}
  text:
    provider: login
    request: {url: "https://gate.example/b"}
    response: {token_text: true, status: [201]}
    inject: {query: access_token}
`

func TestLoginsOfSeveralRequests(t *testing.T) {
	c := parse(t, stepped)
	gate := c.Services["gate"]
	want := map[string]config.Capture{
		"challenge": {Path: "data.c"}, "ticket": {Header: "X-Ticket"}, "sid": {Cookie: "sid"}, "also": {Path: "data.d"},
	}
	if diff := cmp.Diff(want, gate.Login.Steps[0].Capture); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(config.StepResponse{Status: []int{303}, Success: "code == 0", Rejected: "code == 1", Error: "msg"}, gate.Login.Steps[0].Response); diff != "" {
		t.Error(diff)
	}
	if r := gate.Login.Steps[1].Request; !r.Template || r.URL.Raw().Reveal() != "https://gate.example/{{ .challenge | url_escape }}" {
		t.Errorf("template is %v", r.Template)
	}
	if diff := cmp.Diff(config.Response{TokenCookie: "sid", ExpiresInHeader: "X-Life", ExpiresAtHeader: "X-Until"}, gate.Login.Response); diff != "" {
		t.Error(diff)
	}
	if i := gate.Inject; i.Header != "Authorization" || i.Prefix == nil || *i.Prefix != "" {
		t.Errorf("inject %+v", i)
	}
	if text := c.Services["text"]; !text.Login.Response.TokenText || text.Inject.Query != "access_token" || text.Inject.Prefix != nil {
		t.Errorf("%+v", text.Inject)
	}
}

func TestLoginsOfSeveralRequestsAreStrict(t *testing.T) {
	const at = "services.gate."
	for name, c := range map[string]struct{ old, new, want string }{
		"an unknown key":             {"capture:", "captures:", at + "steps[0].captures: unknown key; did you mean capture?"},
		"a name that is none":        {"challenge: data.c", "a-b: data.c", at + "steps[0].capture.a-b: the name must have 1 to 63 letters, digits and underscores, the first no digit"},
		"a capture of two things":    {"{cookie: sid}", "{cookie: sid, path: x}", at + "steps[0].capture.sid: must have exactly one of path, header and cookie"},
		"a capture of nothing":       {"{cookie: sid}", "{}", at + "steps[0].capture.sid: must have exactly one of path, header and cookie"},
		"a capture that is a list":   {"{cookie: sid}", "[sid]", at + "steps[0].capture.sid: must be a map, not a list"},
		"a header that is none":      {"{header: X-Ticket}", "{header: canary canary}", at + "steps[0].capture.ticket.header: is not a valid name: letters, digits and !#$%&'*+-.^_`|~ without spaces"},
		"a path that is none":        {"data.c", `"a\nb"`, at + "steps[0].capture.challenge.path: holds a control character"},
		"a predicate that is none":   {"success: code == 0", "success: code = 0", at + "steps[0].response.success: = compares nothing: write == for that, or a \\ before it if it belongs to the path"},
		"a status of a failure":      {"status: [201]", "status: [200, 404]", "services.text.response.status[1]: must be 200 to 299, 301, 302 or 303"},
		"a redirect of the request":  {"status: [303]", "status: [307]", at + "steps[0].response.status[0]: must be 200 to 299, 301, 302 or 303"},
		"a status alone":             {"status: [201]", "status: 201", "services.text.response.status: must be a list, not a number"},
		"a URL that is none":         {"https://gate.example/a", "gate.example", at + "steps[0].request.url: must be an absolute URL"},
		"a template's URL":           {"https://gate.example/{{", "http://gate.example/{{", at + "steps[1].request.url: must be https: without it the secret can be read on the way (allow_http: true permits it)"},
		"a step without a request":   {"- request: {method: GET, url: \"https://gate.example/a\"}\n        capture", "- capture", at + "steps[0].request.url: required"},
		"a reference that is gone":   {"{{ .challenge", "${env:NONE}{{ .challenge", at + "steps[1].request.url: ${env:NONE}: not set"},
		"two places of the token":    {"token_cookie: sid", "token_cookie: sid, token_text: true", at + "response: has more than one of token, token_header, token_cookie and token_text"},
		"no place of the token":      {"token_cookie: sid, ", "", at + "response.token: required"},
		"a cookie that is none":      {"token_cookie: sid", "token_cookie: 's;d'", at + "response.token_cookie: is not a valid name: letters, digits and !#$%&'*+-.^_`|~ without spaces"},
		"two places to inject":       {"inject: {header: Authorization,", "inject: {header: Authorization, cookie: a,", at + "inject: must have exactly one of header, query and cookie"},
		"no place to inject":         {"inject: {query: access_token}", "inject: {}", "services.text.inject: must have exactly one of header, query and cookie"},
		"a prefix of a query":        {"inject: {query: access_token}", "inject: {query: a, prefix: b}", "services.text.inject.prefix: belongs to header, not to query and cookie"},
		"a parameter that is none":   {"{query: access_token}", "{query: a&b=c}", "services.text.inject.query: is not a valid name: letters, digits and !#$%&'*+-.^_`|~ without spaces"},
		"a prefix with a line end":   {`prefix: ""`, `prefix: "a\nb"`, at + "inject.prefix: must be at most 64 characters of visible ASCII, with spaces inside and at the end alone"},
		"a prefix that begins empty": {`prefix: ""`, `prefix: " a"`, at + "inject.prefix: must be at most 64 characters of visible ASCII, with spaces inside and at the end alone"},
		"a long prefix":              {`prefix: ""`, "prefix: " + strings.Repeat("a", 65), at + "inject.prefix: must be at most 64 characters of visible ASCII, with spaces inside and at the end alone"},
		"a prefix that is a number":  {`prefix: ""`, "prefix: 1", at + "inject.prefix: must be a text, not a number: put it in quotes"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(stepped, c.old, c.new, 1)
			if text == stepped {
				t.Fatal("nothing was replaced")
			}
			_, err := config.Parse([]byte(text), environ())
			if got := fmt.Sprint(err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestHeadersThatHoldNoToken(t *testing.T) {
	for _, name := range []string{
		"Connection", "keep-alive", "Proxy-Authenticate", "PROXY-AUTHORIZATION", "Proxy-Connection", "te", "Trailer",
		"transfer-encoding", "Upgrade", "host", "Content-Length", "cookie",
	} {
		c := valid()
		change("static", func(s *config.Service) { s.Inject = &config.Inject{Header: name} })(c)
		err := c.Validate()
		if got := fmt.Sprint(err); !strings.HasPrefix(got, "services.static.inject.header: cannot hold a token: ") || strings.Contains(got, "\n") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestStepsAreBounded(t *testing.T) {
	c := valid()
	change("login", func(s *config.Service) {
		s.Login.Steps = make([]config.Step, 9)
		for i := range s.Login.Steps {
			s.Login.Steps[i].Request.URL = config.NewSecret("https://idp.example/a")
		}
	})(c)
	if err := c.Validate(); fmt.Sprint(err) != "services.login.steps: must be at most 8" {
		t.Errorf("got %v", err)
	}
}

func TestResolversResolveWhatSecretsDo(t *testing.T) {
	c := parse(t, `services: {s: {provider: login, request: {template: true, url: "https://a.example/${env:A}", query: {q: x}, json: {a: ["${env:A}", 1]}}, response: {token: t}}}`, "A=open sesame")
	r := c.Services["s"].Login.Request
	if got := fmt.Sprint(r.JSON.Raw()); got != "map[a:[${env:A} 1]]" {
		t.Errorf("raw JSON %s", got)
	}
	if (config.Secret{}).Raw().Reveal() != "" || (config.Tree{}).Raw() != nil {
		t.Error("nothing has a text")
	}
	resolve, err := r.Resolver()
	if err != nil {
		t.Fatal(err)
	}
	text, parts, err := resolve("a ${env:A} $${b}")
	if err != nil || text.Reveal() != "a open sesame ${b}" || len(parts) != 1 || parts[0].Reveal() != "open sesame" {
		t.Errorf("%d parts, %v", len(parts), err)
	}
	if text, _, err := resolve(""); err != nil || text.Reveal() != "" {
		t.Errorf("nothing: %v", err)
	}
	if _, _, err := resolve("${env:B}"); fmt.Sprint(err) != "${env:B}: not set" {
		t.Errorf("got %v", err)
	}
	r.Body = config.NewSecret("of the process")
	if _, err := r.Resolver(); fmt.Sprint(err) != "holds values of different configurations" {
		t.Errorf("got %v", err)
	}
}
