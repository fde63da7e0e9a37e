package provider

import (
	"context"
	"strings"
	"testing"

	"tokend/messages"
)

func TestATraceTellsWhatWasAsked(t *testing.T) {
	const gone = "http://127.0.0.1:1/token"
	server := serve(t, says(404, "no"))
	secretly := func(url string, secrets ...string) Provider {
		l := loginTo(t, server.URL, Response{Token: "token"})
		l.Request = func() (HTTPRequest, error) {
			r := HTTPRequest{URL: url}
			for _, s := range secrets {
				r.Secrets = append(r.Secrets, messages.NewSecret(s))
			}
			return r, nil
		}
		return mustLogin(t, l)
	}
	discovered := client(t, "")
	discovered.TokenURL, discovered.Issuer = "", server.URL+"/tenant"
	for name, c := range map[string]struct {
		provider Provider
		want     Trace
	}{
		"a grant":                        {mustClient(t, client(t, server.URL+"/oauth2/k3y?api=hush")), Trace{URL: server.URL + "/oauth2/k3y", Status: 404}},
		"no answer":                      {mustClient(t, client(t, gone)), Trace{URL: gone}},
		"metadata that are not there":    {mustClient(t, discovered), Trace{URL: server.URL + "/tenant/.well-known/openid-configuration", Status: 404}},
		"a login":                        {secretly(server.URL + "/api/v1/log-in?key=hush"), Trace{URL: server.URL + "/api/v1/log-in", Status: 404}},
		"a login with a key in its path": {secretly(server.URL + "/api/8fA3kq97/login"), Trace{URL: server.URL + "/api/[redacted]/login", Status: 404}},
		"a login with a word from a file in its path": {secretly(server.URL+"/hooks/sesame/x", "sesame"), Trace{URL: server.URL + "/hooks/[redacted]/x", Status: 404}},
		"a login with two of a file in its path":      {secretly(server.URL+"/hooks/open/sesame?x", "open/sesame?x"), Trace{URL: server.URL + "/hooks/[redacted]/[redacted]", Status: 404}},
	} {
		t.Run(name, func(t *testing.T) {
			var got Trace
			_, err := Acquire(WithTrace(t.Context(), &got), c.provider, Request{Service: "billing"})
			if err == nil || got.URL != c.want.URL || got.Status != c.want.Status {
				t.Errorf("%q %d (%v), want %q %d", got.URL, got.Status, err, c.want.URL, c.want.Status)
			}
		})
	}
}

func TestATraceOfNothing(t *testing.T) {
	var got Trace
	settings := client(t, "https://127.0.0.1:1/")
	settings.ClientSecret = hush("")
	if _, err := Acquire(WithTrace(t.Context(), &got), mustClient(t, settings), Request{}); err == nil || got.URL != "" || got.Status != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	traceOf(WithTrace(context.Background(), nil)).Status = 1 // and nobody minds
}

func TestP7ADescriptionOfAHostsErrorShowsNothingHidden(t *testing.T) {
	p := Func(func(context.Context, Request) (Result, error) {
		return Result{}, &Error{Description: "session " + alive, Reason: alive}
	})
	_, err := Acquire(t.Context(), p, atHand)
	e := asError(t, err)
	if strings.Contains(e.Description+e.Reason, alive) || e.Description != "session [redacted]" {
		t.Errorf("%q, %q", e.Description, e.Reason)
	}
}
