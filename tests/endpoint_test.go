package tests

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

func TestAnswersOfARealEndpoint(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	retry := http.Header{"Retry-After": {"90"}}
	tests := map[string]struct {
		answer idptest.Answer
		class  string // empty: a token
		wait   time.Duration
	}{
		"a token":                      {idptest.Answer{}, "", 0},
		"refused credentials":          {idptest.Answer{Status: 401, Body: `{"error":"invalid_client"}`}, messages.ClassRejected, 0},
		"a forbidden request":          {idptest.Answer{Status: 403, Body: "no"}, messages.ClassRejected, 0},
		"a bad scope":                  {idptest.Answer{Status: 400, Body: `{"error":"invalid_scope"}`}, messages.ClassRejected, 0},
		"trouble in the protocol":      {idptest.Answer{Status: 400, Body: `{"error":"temporarily_unavailable"}`}, messages.ClassTransient, 0},
		"a bad request without reason": {idptest.Answer{Status: 400, Body: "no"}, messages.ClassTransient, 0},
		"too many requests":            {idptest.Answer{Status: 429, Body: "no", Header: retry}, messages.ClassThrottled, 90 * time.Second},
		"maintenance with a date":      {idptest.Answer{Status: 503, Body: "no", Header: retry}, messages.ClassThrottled, 90 * time.Second},
		"maintenance without":          {idptest.Answer{Status: 503, Body: "no"}, messages.ClassTransient, 0},
		"an error page":                {idptest.Answer{Status: 200, Body: "<html></html>", ContentType: "text/html"}, messages.ClassMalformed, 0},
		"an empty object":              {idptest.Answer{Status: 200, Body: "{}"}, messages.ClassMalformed, 0},
		"a dead token":                 {idptest.Answer{Status: 200, Body: `{"access_token":"x","expires_in":0}`}, messages.ClassMalformed, 0},
		"too much of it":               {idptest.Answer{Status: 200, Body: `{"pad":"` + strings.Repeat("x", 1<<20) + `","access_token":"x","expires_in":60}`}, messages.ClassMalformed, 0},
		"a cut connection":             {idptest.Answer{Cut: true}, messages.ClassTransient, 0},
		"a redirect":                   {idptest.Answer{Status: 302, Body: "no", Header: http.Header{"Location": {"/other"}}}, messages.ClassTransient, 0},
		"not found":                    {idptest.Answer{Status: 404, Body: "no"}, messages.ClassTransient, 0},
		"a broken server":              {idptest.Answer{Status: 500, Body: "no"}, messages.ClassTransient, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			endpoint := idptest.NewEndpoint(t)
			endpoint.Play(tc.answer)
			w := begin(t, idptest.New(), setup{services: map[string]config.Service{billing: clientCredentials(endpoint.URL, "word")}})
			tok, err := w.sys.Token(t.Context(), billing)
			checkAsked(t, endpoint)
			if tc.class == "" {
				if err != nil || tok.Type != "Bearer" || tok.ExpiresAt.Sub(tok.CreatedAt) != time.Hour-time.Second {
					t.Errorf("%v, %v", tok, err)
				}
				return
			}
			e := wantError(t, err, messages.ErrorOf(tc.class))
			if e.Class != tc.class || e.Attempts != 1 || e.NextTry.IsZero() {
				t.Errorf("error %+v, want class %s", e, tc.class)
			}
			info, err := w.sys.Info(t.Context(), billing)
			if err != nil || tc.wait > 0 && !about(info.LastError.NextTry.Sub(info.LastError.At), tc.wait) {
				t.Errorf("next try %v, want %v after the failure", info.LastError, tc.wait)
			}
		})
	}
}

// checkAsked fails the test unless the endpoint was asked just once, and well.
func checkAsked(t *testing.T, endpoint *idptest.Endpoint) {
	t.Helper()
	asked := endpoint.Asked()
	if len(asked) == 0 {
		t.Fatal("the endpoint was not asked")
	}
	first := asked[0]
	if first.Path != "/token" || first.Form.Get("grant_type") != "client_credentials" || !strings.HasPrefix(first.Authorization, "Basic ") {
		t.Errorf("asked %s for %q", first.Path, first.Form.Get("grant_type"))
	}
	for _, a := range asked {
		if a.Path != "/token" {
			t.Errorf("a redirect to %s was followed", a.Path)
		}
	}
}

func TestAnEndpointThatIsNotThere(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	// Nobody listens on port 1 of loopback.
	w := begin(t, idptest.New(), setup{services: map[string]config.Service{billing: clientCredentials("http://127.0.0.1:1/token", "word")}})
	_, err := w.sys.Token(t.Context(), billing)
	if e := wantError(t, err, messages.ErrUnavailable); e.Class != messages.ClassTransient {
		t.Errorf("class %s", e.Class)
	}
}
