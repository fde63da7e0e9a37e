package provider

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tokend/messages"
)

func TestTokenResponsesThatWork(t *testing.T) {
	cases := map[string]struct {
		body    string
		headers []string
		want    Result
	}{
		"as RFC 6749 has it":         {`{"access_token":"at","token_type":"Bearer","expires_in":3600,"scope":"a b"}`, nil, Result{Lifetime: time.Hour, Scopes: []string{"a", "b"}}},
		"expires_in as a text":       {`{"access_token":"at","token_type":"bearer","expires_in":"60"}`, nil, Result{Lifetime: time.Minute}},
		"expires_in as a fraction":   {`{"access_token":"at","expires_in":59.5}`, nil, Result{Lifetime: 59500 * time.Millisecond}},
		"no expires_in":              {`{"access_token":"at"}`, nil, Result{}},
		"expires_in null":            {`{"access_token":"at","expires_in":null,"scope":null,"token_type":null}`, nil, Result{}},
		"a refresh token besides":    {`{"access_token":"at","refresh_token":"rt","refresh_expires_in":1}`, nil, Result{RefreshToken: messages.NewSecret("rt")}},
		"no scope left":              {`{"access_token":"at","scope":""}`, nil, Result{Scopes: []string{}}},
		"a token and an error":       {`{"access_token":"at","error":""}`, nil, Result{}},
		"a byte order mark":          {"\xef\xbb\xbf" + `{"access_token":"at"}`, nil, Result{}},
		"JSON that is called text":   {` {"access_token":"at"} `, []string{"Content-Type", "text/html"}, Result{}},
		"JSON that is called form":   {`{"access_token":"at"}`, []string{"Content-Type", "application/x-www-form-urlencoded"}, Result{}},
		"a form":                     {`scope=a+b&expires_in=60&access_token=at`, []string{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}, Result{Lifetime: time.Minute, Scopes: []string{"a", "b"}}},
		"a form that is called text": {`access_token=at&token_type=bearer&expires_in=60`, []string{"Content-Type", "text/plain"}, Result{Lifetime: time.Minute}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := serve(t, says(200, c.body, append(c.headers, "Date", "Sun, 01 Mar 2026 12:00:00 GMT")...))
			got := acquire(t, mustClient(t, client(t, server.URL)))
			c.want.AccessToken = messages.NewSecret("at")
			c.want.Date = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			if c.want.Type == "" {
				c.want.Type = "Bearer"
			}
			if diff := cmp.Diff(c.want, got, cmp.Transformer("reveal", messages.Secret.Reveal), cmp.AllowUnexported(State{}), cmpopts.IgnoreUnexported(Result{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTokenResponsesThatAreMalformed(t *testing.T) {
	cases := map[string]struct{ body, want string }{
		"HTML":                         {"<!DOCTYPE html><title>Log in</title>", "answer is HTML or XML, not JSON: is token_url right?"},
		"not JSON":                     {"hello", "answer is not JSON: is token_url right?"},
		"JSON that is cut":             {`{"access_token":"at"`, "answer is not JSON: is token_url right?"},
		"JSON with something after it": {`{"access_token":"at"} x`, "answer is not JSON: is token_url right?"},
		"JSON of a million levels":     {strings.Repeat("[", 1_000_000), "answer is not JSON: is token_url right?"},
		"an array":                     {`[{"access_token":"at"}]`, "answer is not a JSON object"},
		"a text":                       {`"at"`, "answer is not a JSON object"},
		"spaces only":                  {"  \r\n", "answer is empty"},
		"no token":                     {`{"token_type":"Bearer","expires_in":3600}`, "access_token is missing"},
		"a token in capitals":          {`{"ACCESS_TOKEN":"at"}`, "access_token is missing"},
		"a token null":                 {`{"access_token":null}`, "access_token is missing"},
		"an empty token":               {`{"access_token":""}`, "access_token is missing"},
		"a token that is a number":     {`{"access_token":12}`, "access_token is not a text"},
		"a token that is an object":    {`{"access_token":{"a":1}}`, "access_token is not a text"},
		"a token with a line end":      {`{"access_token":"a\nb"}`, "access token holds a space or another character that is not visible ASCII"},
		"a type that is a number":      {`{"access_token":"at","token_type":1}`, "token_type is not a text"},
		"expires_in 0":                 {`{"access_token":"at","expires_in":0}`, "expires_in is not positive"},
		"expires_in negative":          {`{"access_token":"at","expires_in":-1}`, "expires_in is not positive"},
		"expires_in that is no number": {`{"access_token":"at","expires_in":"soon"}`, "expires_in is not a number"},
		"scope that is a number":       {`{"access_token":"at","scope":1}`, "scope is neither a text nor a list of texts"},
		"an error that is no text":     {`{"error":{"code":7}}`, "access_token is missing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := serve(t, says(200, c.body))
			wantFailure(t, failure(t, mustClient(t, client(t, server.URL))), messages.ClassMalformed, c.want)
		})
	}
}

func TestSuccessesThatAreErrors(t *testing.T) {
	wantAnswered(t, map[string]row{
		"an error":                        {body(`{"error":"invalid_client"}`), "rejected: 200 invalid_client"},
		"an error and an empty token":     {body(`{"error":"invalid_client","access_token":""}`), "rejected: 200 invalid_client"},
		"an error that says later":        {body(`{"error":"slow_down","error_description":"wait"}`), "throttled: 200 slow_down: wait"},
		"an error that is no OAuth error": {body(`{"error":"Something is wrong"}`), "rejected: 200 Something is wrong"},
	})
}

// judge has an answer judged as the token endpoint's.
func judge(status int, kind, body string, hide ...string) (Result, error) {
	a := &answer{
		url: &url.URL{Scheme: "https", Host: "idp.example"}, status: status,
		header: http.Header{"Content-Type": {kind}}, received: time.Now(),
	}
	if err := a.read(strings.NewReader(body)); err != nil {
		return Result{}, err
	}
	res, _, err := a.oauthResult("token_url", func() *secrets {
		var s secrets
		s.add(hide...)
		return &s
	})
	return res, err
}

func FuzzTokenResponse(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	f.Add(200, "application/json", goodAnswer)
	f.Add(200, form, "access_token=at&expires_in=60")
	f.Add(400, "application/json", `{"error":"invalid_client","error_description":"hunter22 is wrong"}`)
	f.Add(401, form, "error=invalid_client&error_description=%68unter22")
	f.Add(200, "text/html", "<html>")
	f.Add(503, "", `{"error":"\u0068unter22"}`)
	f.Add(200, "", `{"access_token":1e999,"expires_in":"1e999"}`)
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		res, err := judge(status, kind, body, "hunter22")
		if err == nil {
			if !success(status) || res.AccessToken.IsZero() || res.Type == "" || res.Lifetime < 0 || res.Lifetime > maxLifetime {
				t.Errorf("status %d: %+v", status, res)
			}
			return
		}
		e := Classify(err)
		if strings.Contains(e.Text+e.Code, "hunter22") || e.Text != printable(e.Text, maxText) || e.Class == messages.ClassPanic {
			t.Errorf("%#v", e)
		}
	})
}
