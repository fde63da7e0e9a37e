package provider

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"tokend/messages"
)

// quotes are what a service that talks too much may say of two requests: what it
// has sent and been sent.
func quotes(t *testing.T, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			says(200, asJSON(map[string]any{"c": canary, "other_token": "tok-" + canary}), "Set-Cookie", "sid=c4n-yellow", "X-Ticket", "yellow-c4n")(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		said := fmt.Sprint(string(body), r.Header.Get("X-Sign"), r.Header.Get("Cookie"), r.Header.Get("X-Part"), r.URL, "tok-"+canary)
		says(status, asJSON(map[string]any{"msg": said, "data": map[string]any{}}), "Location", "/c4n-yellow", "Set-Cookie", "new=yellow")(w, r)
	}
}

func TestP7StepsShowNoSecret(t *testing.T) {
	for _, status := range statuses {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			url := serve(t, quotes(t, status)).URL
			l := stepped(t, url, Step{Capture: map[string]Capture{"c": {Path: "c"}, "ticket": {Header: "X-Ticket"}, "sid": {Cookie: "sid"}}}, HTTPRequest{
				Template: refs, URL: "?t={{ .ticket }}",
				JSON:    map[string]any{"a": "x{{ .c }}y"},
				Headers: map[string]string{"X-Part": "a {{ .sid }} b"},
			})
			p := mustLogin(t, l)
			wantNoCanary(t, "error", failure(t, p))
			wantNoCanary(t, "provider", p)
			wantNoCanaryAlone(t, "settings", l)
		})
	}
}

func TestP7SignaturesDoNotShow(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		says(400, asJSON(map[string]any{"msg": "not " + r.Header.Get("X-Sign")[11:] + " of open sesame, " + r.Header.Get("X-Nonce") + ", POST"}))(w, r)
	}).URL
	l := loginTo(t, url, Response{Token: "t", Error: "msg"})
	l.Request = requesting(HTTPRequest{URL: url, Template: refs, Headers: map[string]string{
		"X-Sign": `v1=abc,{{ concat method (hmac_sha256 "${key}" "a" | hex) path }}`, "X-Nonce": "{{ nonce }}",
	}})
	wantFailure(t, failure(t, mustLogin(t, l)), messages.ClassRejected, "400 bad request: not [redacted] of [redacted], [redacted], POST")
}

func TestP7WhatAFailedStepBringsDoesNotShow(t *testing.T) {
	for name, c := range map[string]struct {
		capture Capture
		body    string
		headers []string
	}{
		"at the path":   {Capture{Path: "data.c"}, `{"data":{"c":"c-hunter22"},"msg":"c-hunter22 is spent"}`, nil},
		"in the header": {Capture{Header: "X-C"}, `{"msg":"c-hunter22 is spent"}`, []string{"X-C", "c-hunter22"}},
		"in the cookie": {Capture{Cookie: "c"}, `{"msg":"c-hunter22 is spent"}`, []string{"Set-Cookie", "c=c-hunter22"}},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := answering(t, says(500, c.body, c.headers...))
			p := mustLogin(t, stepped(t, url, Step{Error: "msg", Capture: map[string]Capture{"c": c.capture}}, HTTPRequest{}))
			wantFailure(t, failure(t, p), messages.ClassTransient, "step 1 of 2: 500 internal server error: [redacted] is spent")
		})
	}
}

func TestP7ATokenInAHeaderDoesNotShow(t *testing.T) {
	for _, r := range []Response{{TokenHeader: "X-T", Error: "msg"}, {TokenCookie: "t", Error: "msg"}} {
		server := serve(t, says(500, `{"msg":"at-hunter22 is spent"}`, "X-T", "Bearer at-hunter22", "Set-Cookie", "t=at-hunter22"))
		wantFailure(t, failure(t, mustLogin(t, loginTo(t, server.URL, r))), messages.ClassTransient, "500 internal server error: [redacted] is spent")
	}
}

// A service that shares a secret with its client may name it before it was sent.
func TestP7WhatIsSentLaterDoesNotShow(t *testing.T) {
	body := `{"password":"open sesame","at":{{ timestamp }}}`
	for name, last := range map[string]HTTPRequest{
		"as it is":               {JSON: map[string]any{"password": "open sesame"}},
		"a part of a text":       {Secrets: []messages.Secret{messages.NewSecret("open sesame")}, JSON: map[string]any{"p": "the open sesame key"}},
		"beside a template":      {Template: refs, JSON: map[string]any{"p": "{{ .c }}", "q": "open sesame"}},
		"around a call":          {Template: refs, Body: &body},
		"a reference in a call":  {Template: refs, Headers: map[string]string{"X-Sign": `{{ hmac_sha256 "${key}" .c | hex }}`}},
		"a text in a call":       {Template: refs, Headers: map[string]string{"X-Sign": `{{ hmac_sha256 "open sesame" .c | hex }}`}},
		"in what cannot be made": {Template: refs, Form: map[string]string{"p": `{{ hex_decode .c | hmac_sha1 "open sesame" | hex }}`}},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := answering(t, says(500, `{"msg":"open sesame is known"}`))
			l := stepped(t, url, Step{Error: "msg", Capture: map[string]Capture{"c": {Path: "c"}}}, last)
			wantFailure(t, failure(t, mustLogin(t, l)), messages.ClassTransient, "step 1 of 2: 500 internal server error: [redacted] is known")
		})
	}
}

func TestATextThatIsGivenToACallDoesNotShow(t *testing.T) {
	url := serve(t, says(400, `{"msg":"open sesame is no key for POST"}`)).URL
	l := loginTo(t, url, Response{Token: "t", Error: "msg"})
	l.Request = requesting(HTTPRequest{URL: url, Template: refs, Headers: map[string]string{"X-Sign": `{{ hmac_sha256 "open sesame" method | hex }}`}})
	wantFailure(t, failure(t, mustLogin(t, l)), messages.ClassRejected, "400 bad request: [redacted] is no key for POST")
}

func TestALaterRequestThatCannotBeReadSpoilsNoError(t *testing.T) {
	url, _ := answering(t, says(500, `{"msg":"out of order"}`))
	reads, l := 0, stepped(t, url, Step{Error: "msg"}, HTTPRequest{})
	l.Request = func() (HTTPRequest, error) {
		if reads++; reads > 2 {
			return HTTPRequest{}, errGone
		}
		return HTTPRequest{URL: url}, nil
	}
	wantFailure(t, failure(t, mustLogin(t, l)), messages.ClassTransient, "step 1 of 2: 500 internal server error: out of order")
}
