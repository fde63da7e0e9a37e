package provider

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"tokend/messages"
)

// Every secret and token of these tests has this in it, which nothing may show.
// The characters make it look different in each encoding.
const canary = `c4n&ry <"yellow">/+`

// looks are what the canary may look like, whole or in part.
func looks() []string {
	return []string{"c4n", "yellow", base64.StdEncoding.EncodeToString([]byte("probe:" + canary))}
}

// wantNoCanary prints and logs v in every way and looks for the canary.
func wantNoCanary(t *testing.T, what string, v any) {
	t.Helper()
	var out bytes.Buffer
	printed(&out, v)
	printed(&out, struct{ inner any }{v})
	logged(&out, v)
	searched(t, what, out.String())
}

// wantNoCanaryAlone does the same for a value that must not be kept in a field.
func wantNoCanaryAlone(t *testing.T, what string, v any) {
	t.Helper()
	var out bytes.Buffer
	printed(&out, v)
	searched(t, what, out.String())
}

func printed(out io.Writer, v any) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(out, verb+"\n", v)
		fmt.Fprintf(out, verb+"\n", []any{v})
	}
}

func logged(out io.Writer, v any) {
	if text, err := json.Marshal(v); err == nil {
		_, _ = out.Write(text)
	}
	log := logrus.New()
	log.SetOutput(out)
	log.WithField("value", v).Error("text")
	log.SetFormatter(&logrus.JSONFormatter{})
	log.WithField("value", v).Error("json")
	slog.New(slog.NewTextHandler(out, nil)).Error("text", "value", v)
	slog.New(slog.NewJSONHandler(out, nil)).Error("json", "value", v)
}

func searched(t *testing.T, what, text string) {
	t.Helper()
	for _, look := range looks() {
		if strings.Contains(text, look) || strings.Contains(text, fmt.Sprintf("%x", look)) {
			t.Errorf("%s shows %q:\n%s", what, look, text)
			return
		}
	}
}

// echo answers with everything it was told, in every field that comes out, and
// with tokens where an answer has them.
func echo(t *testing.T, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		decoded, err := url.QueryUnescape(string(body))
		if err != nil {
			decoded = ""
		}
		said := []string{canary, r.Header.Get("Authorization"), r.Header.Get("X-Secret"), string(body), decoded, r.URL.RawQuery}
		for i := range said { // the interesting ones first, as texts are cut
			w.Header().Set("Location", "https://other.example/"+url.PathEscape(canary)+"?"+url.QueryEscape(canary))
			text := strings.Join(append(said[i:], said[:i]...), " ")
			if r.Header.Get("X-Turn") == "" || r.Header.Get("X-Turn") == fmt.Sprint(i) {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, asJSON(map[string]any{
					"error": canary, "error_description": text, "refresh_token": canary + "r", "msg": text, "data": map[string]any{"x": text},
				}))
				return
			}
		}
	}
}

var statuses = []int{200, 302, 400, 401, 403, 404, 429, 500, 503}

func TestP7ClientCredentialsShowNoSecret(t *testing.T) {
	for _, auth := range []string{AuthBasic, AuthBasicRaw, AuthPost, AuthSecretJWT} {
		for _, status := range statuses {
			t.Run(fmt.Sprintf("%s %d", auth, status), func(t *testing.T) {
				settings := client(t, serve(t, echo(t, status)).URL+"?key="+url.QueryEscape(canary))
				settings.Auth, settings.ClientSecret = auth, hush(canary+strings.Repeat(" ", 32))
				settings.Params = func() (map[string]Text, error) {
					return map[string]Text{"pin": {Secret: messages.NewSecret("7" + canary)}}, nil
				}
				p := mustClient(t, settings)
				req := Request{Service: "billing", Previous: NewState([]byte("refresh " + canary))}
				_, err := Acquire(t.Context(), p, req)
				wantNoCanary(t, "error", asError(t, err))
				wantNoCanary(t, "provider", p)
				wantNoCanary(t, "request", req)
				wantNoCanaryAlone(t, "settings", settings.ClientSecret)
			})
		}
	}
}

func TestP7LoginsShowNoSecret(t *testing.T) {
	body := `{"user":"probe","password":` + asJSON(canary) + `}`
	form := url.Values{"password": {canary}}.Encode()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("probe:"+canary))
	requests := map[string]HTTPRequest{
		"json":      {JSON: map[string]any{"user": "probe", "list": []any{map[string]any{"password": canary}}}},
		"form":      {Form: map[string]string{"password": canary}},
		"body":      {Body: &body},
		"form body": {Body: &form},
		"header":    {Headers: map[string]string{"X-Secret": canary, "Authorization": "Bearer " + canary}},
		"basic":     {Headers: map[string]string{"Authorization": basic}},
		"query":     {Query: map[string]string{"password": canary}},
	}
	for name, r := range requests {
		for _, status := range statuses {
			t.Run(fmt.Sprintf("%s %d", name, status), func(t *testing.T) {
				r.URL = serve(t, echo(t, status)).URL
				l := loginTo(t, r.URL, Response{Token: "token", Error: "msg"})
				l.Request = func() (HTTPRequest, error) { return r, nil }
				p := mustLogin(t, l)
				wantNoCanary(t, "error", failure(t, p))
				wantNoCanary(t, "provider", p)
				wantNoCanaryAlone(t, "settings", l)
				wantNoCanaryAlone(t, "request", r)
				wantNoCanaryAlone(t, "request", &r)
				var out bytes.Buffer
				logged(&out, r)
				searched(t, "logged request", out.String())
			})
		}
	}
}

func TestP7AURLsSecretsDoNotShow(t *testing.T) {
	server := serve(t, echo(t, 500))
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User, u.RawQuery = url.UserPassword("c4n", canary), url.Values{"key": {canary}}.Encode()
	l := loginTo(t, u.String(), Response{Token: "token", Error: "msg"})
	wantNoCanary(t, "error of an answer", failure(t, mustLogin(t, l)))
	server.Close()
	wantNoCanary(t, "error of a connection", failure(t, mustLogin(t, l)))
}

func TestP7TokensOfAnAnswerDoNotShow(t *testing.T) {
	said := "token " + canary + " is not for you"
	answers := map[string]string{
		"top level": asJSON(map[string]any{"id_token": canary, "msg": said}),
		"at a path": asJSON(map[string]any{"data": map[string]any{"at": canary}, "code": 1, "msg": said}),
		"refresh":   asJSON(map[string]any{"data": map[string]any{"rt": canary}, "code": 1, "msg": said}),
	}
	for name, body := range answers {
		t.Run(name, func(t *testing.T) {
			response := Response{Token: "data.at", RefreshToken: "data.rt", Error: "msg", Success: &Predicate{"code", "==", 0}}
			got := failure(t, mustLogin(t, loginTo(t, serve(t, says(200, body)).URL, response)))
			wantFailure(t, got, messages.ClassRejected, "response.success does not hold: token [redacted] is not for you")
		})
	}
}

func TestP7ResultsAndStaticTokensDoNotShow(t *testing.T) {
	p, err := NewStatic(Static{Token: secret("c4n-yellow")})
	if err != nil {
		t.Fatal(err)
	}
	wantNoCanary(t, "provider", p)
	res := acquire(t, p)
	res.State = NewState([]byte(canary))
	wantNoCanary(t, "result", res)
	wantNoCanary(t, "result", &res)
	wantNoCanary(t, "state", res.State)
}

func TestP7ErrorsUnderWayShowNothing(t *testing.T) {
	for _, err := range []error{
		&refusal{description: canary}, &unusable{text: canary}, &unready{canary}, &panicked{value: canary},
		&lost{err: errors.New(canary)}, &proxyRefusal{},
	} {
		if text := err.Error(); text == "" || strings.Contains(text, "c4n") {
			t.Errorf("%T: %q", err, text)
		}
	}
}

func TestP7NumbersOfARequestDoNotShow(t *testing.T) {
	var hidden secrets
	body := `{"pin":7654321}`
	r := HTTPRequest{JSON: map[string]any{"pin": 1234567.0, "id": 98765, "code": json.Number("55555")}, Body: &body}
	r.hide(&hidden)
	if got := hidden.show("1234567 98765 55555 7654321 1000", maxDescription); got != "[redacted] [redacted] [redacted] [redacted] 1000" {
		t.Error(got)
	}
}
