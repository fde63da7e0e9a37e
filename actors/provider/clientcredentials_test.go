package provider

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tokend/messages"
)

// sent is what an endpoint got.
type sent struct {
	method, query string
	header        http.Header
	form          url.Values
}

// record returns a handler that answers well and a channel of what it got.
func record(t *testing.T) (http.HandlerFunc, <-chan sent) {
	requests := make(chan sent, 10)
	return func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.RawQuery
		r.URL.RawQuery = "" // else ParseForm mixes the two
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		requests <- sent{r.Method, query, r.Header, r.PostForm}
		says(200, goodAnswer)(w, r)
	}, requests
}

func TestTokenRequest(t *testing.T) {
	cases := map[string]struct {
		change func(*ClientCredentials)
		auth   string // user and password of HTTP Basic, raw
		form   url.Values
	}{
		"nothing but credentials": {
			func(*ClientCredentials) {}, "probe open+sesame",
			url.Values{"grant_type": {"client_credentials"}},
		},
		"basic is form-encoded": {
			func(c *ClientCredentials) { c.ClientID, c.ClientSecret = "a:b", hush("p%w+d é") },
			"a%3Ab p%25w%2Bd+%C3%A9",
			url.Values{"grant_type": {"client_credentials"}},
		},
		"basic_raw is not": {
			func(c *ClientCredentials) { c.Auth, c.ClientSecret = AuthBasicRaw, hush("p%w:d") }, "probe p%w:d",
			url.Values{"grant_type": {"client_credentials"}},
		},
		"post": {
			func(c *ClientCredentials) { c.Auth = AuthPost }, " ",
			url.Values{"grant_type": {"client_credentials"}, "client_id": {"probe"}, "client_secret": {"open sesame"}},
		},
		"scopes, audience and resources": {
			func(c *ClientCredentials) {
				c.Scopes, c.Audience, c.Resource = []string{"read", "write"}, "urn:a", []string{"https://a/", "https://b/"}
			}, "probe open+sesame",
			url.Values{"grant_type": {"client_credentials"}, "scope": {"read write"}, "audience": {"urn:a"}, "resource": {"https://a/", "https://b/"}},
		},
		"authorization details": {
			func(c *ClientCredentials) {
				c.Details = func() (Document, error) {
					return Document{Value: []any{map[string]any{"type": "payment", "limit": 3.5}}}, nil
				}
			}, "probe open+sesame",
			url.Values{"grant_type": {"client_credentials"}, "authorization_details": {`[{"limit":3.5,"type":"payment"}]`}},
		},
		"params stand in place of others": {
			func(c *ClientCredentials) {
				c.Scopes = []string{"read"}
				c.Params = func() (map[string]Text, error) {
					return map[string]Text{"tenant": {Secret: messages.NewSecret("x&y")}, "scope": {Secret: messages.NewSecret("all")}}, nil
				}
			}, "probe open+sesame",
			url.Values{"grant_type": {"client_credentials"}, "scope": {"all"}, "tenant": {"x&y"}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			handler, requests := record(t)
			settings := client(t, serve(t, handler).URL+"/token?tenant=1")
			c.change(&settings)
			acquire(t, mustClient(t, settings))
			got := <-requests
			user, password, _ := (&http.Request{Header: got.header}).BasicAuth()
			if diff := cmp.Diff(c.form, got.form); diff != "" || user+" "+password != c.auth {
				t.Errorf("%s auth %q", diff, user+" "+password)
			}
			if got.method != "POST" || got.query != "tenant=1" || got.header.Get("Accept") != "application/json" {
				t.Errorf("got %s ?%s %s", got.method, got.query, got.header)
			}
		})
	}
}

func TestSecretsAreReadAnew(t *testing.T) {
	handler, requests := record(t)
	settings := client(t, serve(t, handler).URL)
	secrets := []string{"first", "second"}
	settings.ClientSecret = func() (Text, error) {
		next := secrets[0]
		secrets = secrets[1:]
		return hush(next)()
	}
	p := mustClient(t, settings)
	for _, want := range []string{"first", "second"} {
		acquire(t, p)
		if _, got, _ := (&http.Request{Header: (<-requests).header}).BasicAuth(); got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	}
}

func TestWithoutSecretsNothingIsSent(t *testing.T) {
	cases := map[string]struct {
		change func(*ClientCredentials)
		want   string
	}{
		"no secret to be had": {
			func(c *ClientCredentials) {
				c.ClientSecret = func() (Text, error) { return Text{}, errors.New("file is gone") }
			}, "client_secret: file is gone",
		},
		"an empty secret": {func(c *ClientCredentials) { c.ClientSecret = hush("") }, "client_secret: is empty"},
		"no params to be had": {
			func(c *ClientCredentials) {
				c.Params = func() (map[string]Text, error) { return nil, errors.New("file is gone") }
			}, "params: file is gone",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			handler, requests := record(t)
			settings := client(t, serve(t, handler).URL)
			c.change(&settings)
			wantFailure(t, failure(t, mustClient(t, settings)), messages.ClassTransient, c.want)
			if len(requests) != 0 {
				t.Error("a request was sent")
			}
		})
	}
}

func TestOneFailureIsOneRequest(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"refused": says(401, `{"error":"invalid_client"}`), "down": says(500, ""), "redirected": says(307, "", "Location", "/"),
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				requests++
				handler(w, r)
			})
			failure(t, mustClient(t, client(t, server.URL)))
			server.Close()
			if requests != 1 {
				t.Errorf("%d requests", requests)
			}
		})
	}
}

func TestClientCredentialsThatCannotWork(t *testing.T) {
	cases := map[string]struct {
		change func(*ClientCredentials)
		want   string
	}{
		"no transports":            {func(c *ClientCredentials) { c.Transports = nil }, "transports are missing"},
		"no URL":                   {func(c *ClientCredentials) { c.TokenURL = "" }, "token_url: not an https:// URL"},
		"no URL at all":            {func(c *ClientCredentials) { c.TokenURL = "https://canary:canary" }, "token_url: not a URL"},
		"another scheme":           {func(c *ClientCredentials) { c.TokenURL = "ftp://canary" }, "token_url: not an https:// URL"},
		"no host":                  {func(c *ClientCredentials) { c.TokenURL = "https:///canary" }, "token_url: no host in it"},
		"a fragment":               {func(c *ClientCredentials) { c.TokenURL = "https://idp.example/#canary" }, "token_url: has a fragment"},
		"a user":                   {func(c *ClientCredentials) { c.TokenURL = "https://u:canary@idp.example/" }, "token_url: has a user in it: use client_id and client_secret"},
		"http:// beyond loopback":  {func(c *ClientCredentials) { c.TokenURL = "http://idp.example/" }, "token_url: http:// would send secrets in the clear: use https://, or set allow_http"},
		"http:// to a near name":   {func(c *ClientCredentials) { c.TokenURL = "http://localhost.example/" }, "token_url: http:// would send secrets in the clear: use https://, or set allow_http"},
		"no client_id":             {func(c *ClientCredentials) { c.ClientID = "" }, "client_id: missing"},
		"no client_secret":         {func(c *ClientCredentials) { c.ClientSecret = nil }, "client_secret: missing"},
		"an unknown client_auth":   {func(c *ClientCredentials) { c.Auth = "digest" }, `client_auth: "digest" is none of basic, basic_raw, post, none, client_secret_jwt, private_key_jwt, tls`},
		"a colon where none fits":  {func(c *ClientCredentials) { c.Auth, c.ClientID = AuthBasicRaw, "a:b" }, "client_auth: basic_raw cannot carry a client_id with a colon in it"},
		"a URL that does not work": {func(c *ClientCredentials) { c.TokenURL = "https://idp.example/\x7fcanary" }, "token_url: not a URL"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			settings := client(t, "https://idp.example/token")
			c.change(&settings)
			p, err := NewClientCredentials(settings)
			if err == nil || err.Error() != c.want || strings.Contains(err.Error(), "canary") || p != nil {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestWhatCannotWorkNamesItsKey(t *testing.T) {
	cc := client(t, "https://idp.example/")
	cc.Auth, cc.ClientID = AuthBasicRaw, "a:b"
	l := loginTo(t, "https://idp.example/", Response{Token: "t", Rejected: &Predicate{}})
	_, errCC := NewClientCredentials(cc)
	_, errLogin := NewLogin(l)
	_, errStatic := NewStatic(Static{Token: secret("x"), Type: "two words"})
	for key, err := range map[string]error{"client_auth": errCC, "response.rejected": errLogin, "token_type": errStatic} {
		if e, ok := errors.AsType[*KeyError](err); !ok || e.Key != key || e.Problem == "" {
			t.Errorf("%s: got %v", key, err)
		}
	}
}

func TestHostNamesTheEndpoint(t *testing.T) {
	for address, want := range map[string]string{
		"https://IdP.Example/token":     "idp.example:443",
		"https://idp.example:8443":      "idp.example:8443",
		"http://127.0.0.1/":             "127.0.0.1:80",
		"http://LOCALHOST:80/":          "localhost:80",
		"HTTP://[::1]/token":            "[::1]:80",
		"http://[::ffff:127.0.0.1]:81/": "[::ffff:127.0.0.1]:81",
	} {
		if got := mustClient(t, client(t, address)).(Hosted).Host(); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
	settings := client(t, "http://IdP.Example/")
	settings.AllowHTTP = true
	if got := mustClient(t, settings).(Hosted).Host(); got != "idp.example:80" {
		t.Errorf("got %s", got)
	}
}

func TestTheDefaultTimeForConnecting(t *testing.T) {
	e, err := Endpoint{Transports: NewTransports("")}.withDefaults()
	if err != nil || e.ConnectTimeout != 3*time.Second {
		t.Errorf("got %s, %v", e.ConnectTimeout, err)
	}
}

func TestScopesAreThoseThatWereGranted(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		params map[string]Text
		want   []string
	}{
		"all, without a word": {`{"access_token":"a"}`, nil, []string{"read", "write"}},
		"fewer":               {`{"access_token":"a","scope":"read"}`, nil, []string{"read"}},
		"none":                {`{"access_token":"a","scope":""}`, nil, []string{}},
		"others, unnamed":     {`{"access_token":"a"}`, map[string]Text{"scope": {Secret: messages.NewSecret("all")}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			settings := client(t, serve(t, says(200, c.answer)).URL)
			settings.Scopes = []string{"read", "write"}
			settings.Params = func() (map[string]Text, error) { return c.params, nil }
			if diff := cmp.Diff(c.want, acquire(t, mustClient(t, settings)).Scopes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestP7AuthorizationDetailsDoNotShow(t *testing.T) {
	settings := client(t, serve(t, says(400, `{"error":"invalid_authorization_details","error_description":"account DE02-1203 of bond-007-secret is unknown"}`)).URL)
	settings.Details = func() (Document, error) {
		return Document{
			Value: []any{map[string]any{"type": "payment", "account": "DE02-1203"}},
			Parts: []messages.Secret{messages.NewSecret("bond-007-secret")},
		}, nil
	}
	wantFailure(t, failure(t, mustClient(t, settings)), messages.ClassRejected, "400 invalid_authorization_details: account [redacted] of [redacted] is unknown")
	settings.Details = func() (Document, error) { return Document{}, errors.New("file is gone") }
	wantFailure(t, failure(t, mustClient(t, settings)), messages.ClassTransient, "authorization_details: file is gone")
	settings.Details = func() (Document, error) { return Document{Value: func() {}}, nil }
	wantFailure(t, failure(t, mustClient(t, settings)), messages.ClassTransient, "authorization_details: cannot be written as JSON")
}
