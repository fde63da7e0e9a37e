package provider

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"tokend/messages"
)

// alive is the token that a service has while it asks for the next.
const alive = "opaque-live-token-4711"

// atHand is a request of a service that has a token and a state.
var atHand = Request{
	Service: "billing", Previous: NewState([]byte("refresh-token-0815")),
	Hidden: []messages.Secret{messages.NewSecret(alive), {}},
}

func TestP7TheTokenAtHandDoesNotShow(t *testing.T) {
	said := "session " + alive + " of refresh-token-0815 is still active"
	body := asJSON(map[string]any{"error": "invalid_request", "error_description": said})
	server := serve(t, says(400, body))
	for name, p := range map[string]Provider{
		"client credentials": mustClient(t, client(t, server.URL)),
		"login":              mustLogin(t, loginTo(t, server.URL, Response{Token: "token"})),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Acquire(t.Context(), p, atHand)
			wantFailure(t, asError(t, err), messages.ClassRejected, "400 invalid_request: session [redacted] of [redacted] is still active")
		})
	}
}

func TestP7AHostsErrorDoesNotShowWhatIsHidden(t *testing.T) {
	long := strings.Repeat("a", maxText-5)
	for name, c := range map[string]struct {
		err               error
		class, text, code string
	}{
		"the token": {
			&Error{Class: messages.ClassRejected, Text: "session " + alive + " is active", Code: alive},
			messages.ClassRejected, "session [redacted] is active", "[redacted]",
		},
		"the state":                   {&Error{Text: "refresh-token-0815 is spent"}, messages.ClassTransient, "[redacted] is spent", ""},
		"the token, encoded":          {&Error{Text: "bad " + url.QueryEscape(strings.ToUpper(alive))}, messages.ClassTransient, "text " + holdsSecret, ""},
		"the token where it is cut":   {&Error{Text: long + alive}, messages.ClassTransient, long + "[reda", ""},
		"in an error that wraps it":   {fmt.Errorf("x: %w", &Error{Text: alive}), messages.ClassTransient, "[redacted]", ""},
		"in an error of oauth2":       {&oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, ErrorCode: alive}, messages.ClassRejected, "400 [redacted]", "[redacted]"},
		"nothing":                     {&Error{Text: "no such user"}, messages.ClassTransient, "no such user", ""},
		"an error that says nothing":  {&Error{}, messages.ClassTransient, "provider gave no reason", ""},
		"an error that is nil though": {(*Error)(nil), messages.ClassTransient, "provider returned an error that is a nil *provider.Error", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := Func(func(context.Context, Request) (Result, error) { return Result{}, c.err })
			_, err := Acquire(t.Context(), p, atHand)
			got := asError(t, err)
			wantFailure(t, got, c.class, c.text)
			if got.Code != c.code {
				t.Errorf("code %q", got.Code)
			}
		})
	}
}

func TestP7AHostsStackIsBoundedAndRedacted(t *testing.T) {
	stack := strings.Repeat("frame\n", maxStack)
	p := Func(func(context.Context, Request) (Result, error) {
		return Result{}, &Error{Class: messages.ClassPanic, Text: "x", Stack: alive + stack}
	})
	_, err := Acquire(t.Context(), p, atHand)
	if got := asError(t, err).Stack; len(got) > maxStack || !strings.HasPrefix(got, messages.Redacted+"frame\n") {
		t.Errorf("%d bytes: %.60q", len(got), got)
	}
}

// quoting answers with what quote makes of a request.
func quoting(t *testing.T, quote func(r *http.Request, body string) string) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, asJSON(map[string]any{"msg": quote(r, string(body))}))
	}).URL
}

func TestP7PartsOfARequestDoNotShow(t *testing.T) {
	const part = "open-sesame-4"
	xml := "<pw>" + part + "</pw>"
	for name, c := range map[string]struct {
		request HTTPRequest
		path    string
		quote   func(r *http.Request, body string) string
		want    string
	}{
		"in a body":   {HTTPRequest{Body: &xml}, "", func(_ *http.Request, body string) string { return "bad <" + body[4:17] }, "400 bad request: bad <[redacted]"},
		"in a cookie": {HTTPRequest{Headers: map[string]string{"Cookie": "a=b; session=" + part}}, "", func(r *http.Request, _ string) string { return "no " + r.Header.Get("Cookie")[13:] }, "400 bad request: no [redacted]"},
		"in a path":   {HTTPRequest{}, "/login/" + part, func(r *http.Request, _ string) string { return "cannot POST " + r.URL.Path }, "400 bad request: cannot POST /login/[redacted]"},
		"in a query":  {HTTPRequest{}, "/login?key=x-" + part, func(r *http.Request, _ string) string { return "key " + r.URL.Query().Get("key")[2:] }, "400 bad request: key [redacted]"},
		"in JSON":     {HTTPRequest{JSON: map[string]any{"login": "probe:" + part}}, "", func(_ *http.Request, body string) string { return "no " + body[16:29] }, "400 bad request: no [redacted]"},
		"in a form":   {HTTPRequest{Form: map[string]string{"login": "probe:" + part}}, "", func(_ *http.Request, body string) string { return "no " + body[14:] }, "400 bad request: no [redacted]"},
	} {
		t.Run(name, func(t *testing.T) {
			c.request.Secrets = []messages.Secret{messages.NewSecret(part)}
			c.request.URL = quoting(t, c.quote) + c.path
			l := loginTo(t, c.request.URL, Response{Token: "token", Error: "msg"})
			l.Request = func() (HTTPRequest, error) { return c.request, nil }
			wantFailure(t, failure(t, mustLogin(t, l)), messages.ClassRejected, c.want)
		})
	}
}

func TestP7PartsOfClientCredentialsDoNotShow(t *testing.T) {
	text := func(whole, part string) Text {
		return Text{messages.NewSecret(whole), []messages.Secret{messages.NewSecret(part)}}
	}
	server := serve(t, says(400, `{"error":"invalid_client","error_description":"not sesame-1, pin-4321"}`))
	settings := client(t, server.URL)
	settings.ClientSecret = func() (Text, error) { return text("open sesame-1", "sesame-1"), nil }
	settings.Params = func() (map[string]Text, error) { return map[string]Text{"pin": text("x-pin-4321", "pin-4321")}, nil }
	wantFailure(t, failure(t, mustClient(t, settings)), messages.ClassRejected, "400 invalid_client: not [redacted], [redacted]")
}

func TestAPathsKeysAreHiddenAndItsWordsAreNot(t *testing.T) {
	for segment, route := range map[string]bool{
		"": true, "login": true, "token.php": true, "sign-in": true,
		"v1": false, "T024BE7LD": false, "hunter22": false, strings.Repeat("a", 21): false,
	} {
		if isRoute(segment) != route {
			t.Errorf("%q: %v", segment, !route)
		}
	}
}

func TestP7ARedirectToASecretPlaceDoesNotShow(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/"+strings.ToUpper(r.URL.Path))
		w.WriteHeader(http.StatusMovedPermanently)
	})
	got := failure(t, mustClient(t, client(t, server.URL+"/hooks/hunter22")))
	wantFailure(t, got, messages.ClassTransient, "301: redirect to an address that is "+holdsSecret+" refused: set token_url to the final address")
}

// An answer may name as many tokens as fit into it.
func TestManyTokensInAnAnswerShowNothing(t *testing.T) {
	var body strings.Builder
	body.WriteString(`{"error":"invalid_client","error_description":"x"`)
	for i := range 16_000 {
		fmt.Fprintf(&body, `,"token":"%04x/ <&"`, i)
	}
	body.WriteString("}")
	server := serve(t, says(400, body.String()))
	wantFailure(t, failure(t, mustClient(t, client(t, server.URL))), messages.ClassRejected, "400 [redacted]: description "+tooMuch)
}
