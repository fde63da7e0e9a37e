package system

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tokend/config"
)

func TestEverythingThatIsWrongWithALoginIsSaidAtOnce(t *testing.T) {
	cfg, err := config.Parse([]byte(`
services:
  s:
    provider: login
    steps:
      - request: {template: true, url: "https://idp.example/a", headers: {X: "{{ .later }}"}}
        capture: {later: a}
    request: {template: true, url: "https://idp.example/b", form: {a: "{{ nothing", b: "{{ sha256 nonce }}"}}
    response: {token: t}
`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(cfg)
	want := `services.s.request.form.a: {{ }} is not well-formed: quotes or brackets do not match, or something is out of place
services.s.request.form.b: {{ }} comes to bytes, not to a text: add | hex, | base64 or | base64url
services.s.steps[0].request.headers.X: {{ }} uses a captured value that no step before this request captures`
	if fmt.Sprint(err) != want {
		t.Errorf("got %v", err)
	}
}

func TestALoginOfValuesOfSeveralConfigurationsIsRefused(t *testing.T) {
	cfg, err := config.Parse([]byte(`services: {s: {provider: login, request: {template: true, url: "https://idp.example/a"}, response: {token: t}}}`))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Services["s"].Login.Request.Body = config.NewSecret("{{ nonce }}")
	if _, err = New(cfg); fmt.Sprint(err) != "services.s.request: holds values of different configurations" {
		t.Errorf("got %v", err)
	}
}

func TestPredicatesOfStepsAreRead(t *testing.T) {
	if _, err := steps([]config.Step{{}, {Response: config.StepResponse{Rejected: "a = 1"}}}); err == nil {
		t.Error("a predicate that is none is taken")
	}
	made, err := steps([]config.Step{{
		Response: config.StepResponse{Success: "a == 1", Rejected: "b", Error: "c"},
		Capture:  map[string]config.Capture{"x": {Header: "Y"}},
	}})
	if err != nil || made[0].Success.Op != "==" || made[0].Rejected.Path != "b" || made[0].Error != "c" || made[0].Capture["x"].Header != "Y" {
		t.Errorf("%+v, %v", made, err)
	}
}

func TestTemplatesReadTheSystemsClock(t *testing.T) {
	at := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at <- r.Header.Get("X-At")
		_, _ = w.Write([]byte("at"))
	}))
	t.Cleanup(server.Close)
	cfg := &config.Config{Services: map[string]config.Service{"s": {
		Provider: config.KindLogin,
		Settings: config.Settings{DefaultTTL: new(time.Hour)},
		Login: &config.Login{
			Request: config.Request{
				Template: true, URL: config.NewSecret(server.URL), Headers: config.Secrets{"X-At": config.NewSecret("{{ timestamp }}")},
			},
			Response: config.Response{TokenText: true},
		},
	}}}
	now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	sys, err := New(cfg, WithClock(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Stop(t.Context()) })
	if tok, err := sys.Token(t.Context(), "s"); err != nil || tok.Value() != "at" {
		t.Fatal(err)
	}
	if got := <-at; got != fmt.Sprint(now.Unix()) {
		t.Errorf("sent %s", got)
	}
}
