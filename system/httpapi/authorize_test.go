package httpapi

import (
	"net/http"
	"testing"
	"time"

	"tokend/messages"
)

func TestAuthorizeLooksAtTheServiceAlone(t *testing.T) {
	tests := map[string]struct{ method, target, body string }{
		"as nginx asks":                  {"GET", "/v1/authorize/billing", ""},
		"as Envoy asks":                  {"PUT", "/v1/authorize/billing/orders/7?x=1&x=2", `{"not":"ours"`},
		"with a head":                    {"HEAD", "/v1/authorize/billing", ""},
		"with a method nobody knows":     {"BREW", "/v1/authorize/billing/pot", ""},
		"with a preflight":               {"OPTIONS", "/v1/authorize/billing/", ""},
		"with an escaped path":           {"GET", "/v1/authorize/billing/a%2Fb/%2e%2e/c", ""},
		"with dot segments":              {"GET", "/v1/authorize/billing/../../healthz", ""},
		"with a query that cannot parse": {"DELETE", "/v1/authorize/billing?%zz;", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rec := call(t, newDoor(newFake()), tt.method, tt.target, tt.body)
			h := rec.Header()
			if rec.Code != http.StatusOK || rec.Body.Len() > 0 || h.Get("Authorization") != "Bearer "+secretValue {
				t.Errorf("got %d %q, headers %v", rec.Code, rec.Body, h)
			}
			if h.Get("Cache-Control") != "no-store" || h.Get("Content-Length") != "0" || h.Get("Content-Type") != "" {
				t.Errorf("headers %v", h)
			}
		})
	}
}

func TestAuthorizeRefusesInTwoWaysOnly(t *testing.T) {
	kind := func(kind error) error { return &messages.Error{Kind: kind, Service: "billing"} }
	tests := map[string]struct {
		target string
		err    error
		code   string
	}{
		"an unknown service":          {"/v1/authorize/nope", nil, CodeDenied},
		"a name that is none":         {"/v1/authorize/Billing/x", nil, CodeDenied},
		"an escaped name":             {"/v1/authorize/b%69lling", nil, CodeDenied},
		"an escaped name with a path": {"/v1/authorize/b%69lling/a%2Fb", nil, CodeDenied},
		"a caller who may not":        {"/v1/authorize/billing", kind(messages.ErrDenied), CodeDenied},
		"refused credentials":         {"/v1/authorize/billing", kind(messages.ErrRejected), CodeUnavailable},
		"an answer without token":     {"/v1/authorize/billing", kind(messages.ErrInvalidResponse), CodeUnavailable},
		"a crowd":                     {"/v1/authorize/billing", kind(messages.ErrOverloaded), CodeUnavailable},
		"a node that stops":           {"/v1/authorize/billing", kind(messages.ErrStopped), CodeUnavailable},
		"no token in time":            {"/v1/authorize/billing", kind(messages.ErrTimeout), CodeUnavailable},
		"an IdP that is not there":    {"/v1/authorize/billing", kind(messages.ErrUnavailable), CodeUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newFake()
			if tt.err != nil {
				k.fails["billing"] = tt.err
			}
			rec := call(t, newDoor(k), "GET", tt.target, "")
			wantProblem(t, rec, tt.code)
			if rec.Header().Get("Authorization") != "" {
				t.Error("a refusal with a token")
			}
		})
	}
}

func TestAuthorizeTellsTheFailure(t *testing.T) {
	k := newFake()
	k.fails["billing"] = messages.FailureError("billing", messages.Failure{Class: messages.ClassRejected, Text: "no", Attempts: 3, NextTry: noon.Add(90 * time.Second)})
	rec := call(t, newDoor(k), "GET", "/v1/authorize/billing", "")
	p := wantProblem(t, rec, CodeUnavailable)
	if p.Service != "billing" || p.Class != messages.ClassRejected || p.Attempts != 3 || rec.Header().Get("Retry-After") != "90" {
		t.Errorf("%+v, Retry-After %s", p, rec.Header().Get("Retry-After"))
	}
}

func TestATokenThatNoHeaderCarriesIsNotHandedToAProxy(t *testing.T) {
	for _, value := range []string{"a\r\nX-Evil: 1", "a\x00", "a ", "\u009b31m"} {
		tok := billing().WithValue(messages.NewSecret(value))
		rec := call(t, New(&quickKeeper{fakeKeeper: *newFake(), t: tok}, Options{}), "GET", "/v1/authorize/billing", "")
		wantProblem(t, rec, CodeUnavailable)
	}
	for _, text := range []string{"", " x", "x ", "x\ny", "\x7f", "é"} {
		if isFieldValue(text) {
			t.Errorf("%q is taken for a header's value", text)
		}
	}
}

func TestWhatIsNoServiceToAuthorize(t *testing.T) {
	for _, target := range []string{"/v1/authorize", "/v1/authorize/", "/v1/authorize//x", "/v1/authorize/..", "/v1/authorize/./x", "/v1%2Fauthorize/billing"} {
		wantProblem(t, call(t, newDoor(newFake()), "GET", target, ""), CodeNotFound)
	}
}
