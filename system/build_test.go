package system

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus/hooks/test"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
)

func TestEverythingThatIsWrongIsToldAtOnce(t *testing.T) {
	secret := config.NewSecret("hush")
	cfg := &config.Config{
		Log: config.Log{Level: "loud"},
		Services: map[string]config.Service{
			"a.b":    {Provider: config.KindStatic},
			"a":      {Provider: "pigeon"},
			"broken": {Provider: "picky"},
			"B x":    {Provider: config.KindClientCredentials},
			"panics": {Provider: "panics"},
			"strict": {Provider: "strict", Options: config.NewTree(map[string]any{"tenant": ""})},
			"well":   {Provider: config.KindStatic, Static: &config.Static{Token: secret}},
			"colon": {Provider: config.KindClientCredentials, ClientCredentials: &config.ClientCredentials{
				TokenURL: "https://idp.example/", ClientID: "a:b", ClientSecret: secret, ClientAuth: config.AuthBasicRaw,
			}},
		},
	}
	picky := func(string, map[string]any) (provider.Provider, error) { return nil, errors.New("not today") }
	strict := func(string, map[string]any) (provider.Provider, error) {
		return nil, &provider.KeyError{Key: "tenant", Problem: "missing"}
	}
	panics := func(string, map[string]any) (provider.Provider, error) { panic("hush") }
	log, hook := test.NewNullLogger()
	_, err := New(cfg, WithProvider("panics", panics), WithProvider("picky", picky), WithProvider("strict", strict), WithLogger(log))
	const nameRule = "the name must have 1 to 63 characters of a-z, 0-9, dot, underscore and hyphen, the first a letter or digit"
	want := []config.FieldError{
		{Path: "log.level", Message: "must be one of error, warn, info, debug"},
		{Path: "services.B…", Message: nameRule},
		{Path: "services.B….client_id", Message: "required"},
		{Path: "services.B….client_secret", Message: "required"},
		{Path: "services.B….token_url", Message: "required, unless there is an issuer"},
		{Path: "services.a.b.token", Message: "required"},
		{Path: "services.a.provider", Message: `unknown kind "pigeon", want one of ["client_credentials" "refresh_token" "password" "jwt_bearer" "login" "static" "file" "exec" "panics" "picky" "strict"]`},
		{Path: "services.broken.options", Message: "not today"},
		{Path: "services.colon.client_auth", Message: "basic_raw cannot carry a client_id with a colon in it"},
		{Path: "services.panics", Message: "making its provider ended in a panic of type string"},
		{Path: "services.strict.options.tenant", Message: "missing"},
	}
	if diff := cmp.Diff(want, config.Errors(err)); diff != "" {
		t.Error(diff)
	}
	if e := hook.LastEntry(); e == nil || e.Data["service"] != "panics" || !strings.Contains(fmt.Sprint(e.Data["stack"]), "build_test.go") || strings.Contains(fmt.Sprint(e.Data), "hush") {
		t.Errorf("logged: %v", e)
	}
}

// What a provider's constructor finds has the path of its key, should it find what
// the configuration does not.
func TestAConstructorsErrorHasThePathOfItsKey(t *testing.T) {
	err := under("services.d", &provider.KeyError{Key: "client_auth", Problem: "no"})
	if diff := cmp.Diff([]config.FieldError{{Path: "services.d.client_auth", Message: "no"}}, config.Errors(err)); diff != "" {
		t.Error(diff)
	}
}

func TestServicesOfTwoReadingsAreTheSame(t *testing.T) {
	const text = `services: {a: {provider: login, request: {url: "https://idp.example/${env:A}", json: {a: "${env:A}"}}, response: {token: t}, eager: %s}}`
	read := func(eager, value string) *config.Config {
		environ := func() []string { return []string{"A=" + value} }
		cfg, err := config.Parse([]byte(strings.Replace(text, "%s", eager, 1)), config.WithEnviron(environ))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	s := newSystem(t, read("false", "one"))
	defer func() { _ = s.Stop(t.Context()) }()
	before := s.services.Load()
	for name, c := range map[string]struct {
		cfg            *config.Config
		same, provider bool
	}{
		"the same text":     {read("false", "one"), true, true},
		"another setting":   {read("true", "one"), false, true},
		"another variable":  {read("false", "two"), false, false},
		"as a new provider": {read("true", "two"), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			after, err := s.build(c.cfg, before)
			if err != nil {
				t.Fatal(err)
			}
			a, b := before.services["a"], after.services["a"]
			if (a == b) != c.same || (a.provider == b.provider) != c.provider || (a.credential == b.credential) != c.provider {
				t.Errorf("same %v, provider %v, credential %d and %d", a == b, a.provider == b.provider, a.credential, b.credential)
			}
		})
	}
}

// An endpoint quotes the password, not the text that it came in.
func TestP7WhatReferencesBringDoesNotShow(t *testing.T) {
	const secret = "open-sesame-4"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"no","error_description":"bad password `+secret+`"}`)
	}))
	defer server.Close()
	url := server.URL
	texts := map[string]string{
		"a body":    `{provider: login, request: {url: "` + url + `", body: "<pw>${env:PW}</pw>"}, response: {token: t}}`,
		"a cookie":  `{provider: login, request: {url: "` + url + `", headers: {Cookie: "s=${env:PW}"}}, response: {token: t}}`,
		"a path":    `{provider: login, request: {url: "` + url + `/x-${env:PW}"}, response: {token: t}}`,
		"a query":   `{provider: login, request: {url: "` + url + `", query: {a: "x${env:PW}"}}, response: {token: t}}`,
		"a form":    `{provider: login, request: {url: "` + url + `", form: {a: "x${env:PW}"}}, response: {token: t}}`,
		"JSON":      `{provider: login, request: {url: "` + url + `", json: {a: ["x${env:PW}"]}}, response: {token: t}}`,
		"a secret":  `{provider: client_credentials, token_url: "` + url + `", client_id: a, client_secret: "x${env:PW}"}`,
		"parameter": `{provider: client_credentials, token_url: "` + url + `", client_id: a, client_secret: hush, params: {a: "x${env:PW}"}}`,
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			environ := config.WithEnviron(func() []string { return []string{"PW=" + secret} })
			cfg, err := config.Parse([]byte("services: {a: "+text+"}"), environ)
			if err != nil {
				t.Fatal(err)
			}
			s := newSystem(t, cfg)
			defer func() { _ = s.Stop(t.Context()) }()
			_, err = provider.Acquire(t.Context(), s.services.Load().services["a"].provider, provider.Request{Service: "a"})
			if e := provider.Classify(err); e.Class != messages.ClassRejected || e.Text != "400 no: bad password [redacted]" {
				t.Errorf("got %s: %s", e.Class, e.Text)
			}
		})
	}
}
