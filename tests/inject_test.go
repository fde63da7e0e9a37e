package tests

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// injecting returns billing with the token going where i says.
func injecting(i *config.Inject) setup {
	service := scripted(config.Settings{})
	service.Inject = i
	return setup{services: map[string]config.Service{billing: service}}
}

// carried is where a request has tokens: all of its URL, and the headers in which
// one may stand, whatever their case.
func carried(r *http.Request) (where string) {
	where = r.URL.RequestURI()
	for _, name := range []string{"authorization", "x-auth-token", "cookie"} {
		for key, values := range r.Header {
			if strings.EqualFold(key, name) {
				where += fmt.Sprintf(" %s%q", name, values)
			}
		}
	}
	return where
}

func TestTransportPutsTheTokenWhereItIsToGo(t *testing.T) {
	for name, tc := range map[string]struct {
		inject *config.Inject
		want   string // with TOKEN in place of it
	}{
		"nothing said":           {nil, `/x?b=%20&access_token=mine&a%zz authorization["Bearer TOKEN"] x-auth-token["mine" "too"] cookie["sid=mine; lang=en" "sid=too"]`},
		"authorization":          {&config.Inject{Header: "authorization"}, `/x?b=%20&access_token=mine&a%zz authorization["Bearer TOKEN"] x-auth-token["mine" "too"] cookie["sid=mine; lang=en" "sid=too"]`},
		"authorization, alone":   {&config.Inject{Header: "Authorization", Prefix: new("")}, `/x?b=%20&access_token=mine&a%zz authorization["TOKEN"] x-auth-token["mine" "too"] cookie["sid=mine; lang=en" "sid=too"]`},
		"another header":         {&config.Inject{Header: "X-Auth-Token"}, `/x?b=%20&access_token=mine&a%zz authorization["mine"] x-auth-token["TOKEN"] cookie["sid=mine; lang=en" "sid=too"]`},
		"after a prefix":         {&config.Inject{Header: "x-auth-token", Prefix: new("Token ")}, `/x?b=%20&access_token=mine&a%zz authorization["mine"] x-auth-token["Token TOKEN"] cookie["sid=mine; lang=en" "sid=too"]`},
		"a parameter":            {&config.Inject{Query: "access_token"}, `/x?b=%20&a%zz&access_token=TOKEN authorization["mine"] x-auth-token["mine" "too"] cookie["sid=mine; lang=en" "sid=too"]`},
		"a parameter of its own": {&config.Inject{Query: "key"}, `/x?b=%20&access_token=mine&a%zz&key=TOKEN authorization["mine"] x-auth-token["mine" "too"] cookie["sid=mine; lang=en" "sid=too"]`},
		"a cookie":               {&config.Inject{Cookie: "sid"}, `/x?b=%20&access_token=mine&a%zz authorization["mine"] x-auth-token["mine" "too"] cookie["lang=en; sid=TOKEN"]`},
		"a cookie of its own":    {&config.Inject{Cookie: "SID"}, `/x?b=%20&access_token=mine&a%zz authorization["mine"] x-auth-token["mine" "too"] cookie["sid=mine; lang=en; sid=too; SID=TOKEN"]`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := begin(t, idptest.New(), injecting(tc.inject))
				var got string
				n := &network{handle: func(_ *network, r *http.Request) *http.Response {
					got = carried(r)
					return answer(r, http.StatusOK)
				}}
				req := crowded(t)
				before, sent := maps.Clone(req.Header), req.URL.String()
				res, err := w.sys.Transport(billing, n).RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if want := strings.ReplaceAll(tc.want, "TOKEN", w.token(billing).Value()); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
				if req.URL.String() != sent || fmt.Sprint(req.Header) != fmt.Sprint(before) {
					t.Error("the caller's own request was changed")
				}
			})
		})
	}
}

func TestARequestWithoutHeadersGetsThem(t *testing.T) {
	for name, inject := range map[string]*config.Inject{"header": nil, "cookie": {Cookie: "sid"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := begin(t, idptest.New(), injecting(inject))
				n := &network{}
				req := crowded(t)
				req.Header = nil
				res, err := w.sys.Transport(billing, n).RoundTrip(req)
				if err != nil || len(n.requests) != 1 || req.Header != nil {
					t.Fatalf("%d requests, %v", len(n.requests), err)
				}
				_ = res.Body.Close()
			})
		})
	}
}

// crowded returns a request that has something in every place already, under names
// that are not always spelt as net/http would.
func crowded(t *testing.T) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.test/x?b=%20&access_token=mine&a%zz", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header["authorization"] = []string{"mine"}
	req.Header["x-auth-token"] = []string{"mine", "too"}
	req.Header["Cookie"] = []string{"sid=mine; lang=en", "sid=too"}
	return req
}

func TestTheReplayCarriesTheNewTokenInTheSamePlace(t *testing.T) {
	for name, inject := range map[string]*config.Inject{
		"header": {Header: "X-Auth-Token"}, "query": {Query: "access_token"}, "cookie": {Cookie: "sid"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := begin(t, idptest.New(), injecting(inject))
				old := w.token(billing).Value()
				pass(10 * time.Minute)
				var got []string
				n := &network{handle: func(n *network, r *http.Request) *http.Response {
					got = append(got, carried(r)+string([]byte(n.requests[len(n.requests)-1].body)))
					return answer(r, map[bool]int{true: http.StatusUnauthorized, false: http.StatusOK}[len(got) == 1])
				}}
				if status, err := send(t, w.client(n), http.MethodPost, "https://api.test/x", strings.NewReader("body")); err != nil || status != http.StatusOK || len(got) != 2 {
					t.Fatalf("status %d after %d requests, %v", status, len(got), err)
				}
				fresh := w.token(billing).Value()
				if fresh == old || got[1] != strings.ReplaceAll(got[0], old, fresh) || strings.Count(got[1], fresh) != 1 {
					t.Errorf("%d places, not one", strings.Count(got[1], fresh))
				}
			})
		})
	}
}

func TestATokenInAQueryIsSentToHostsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := injecting(&config.Inject{Query: "access_token"})
		service := s.services[billing]
		service.Hosts = []string{"api.test"}
		s.services[billing] = service
		w := begin(t, idptest.New(), s)
		n := &network{}
		_, err := send(t, w.client(n), http.MethodGet, "https://other.test/x", nil)
		if !errors.Is(err, messages.ErrDenied) || len(n.requests) != 0 {
			t.Errorf("%d requests, %v", len(n.requests), err)
		}
	})
}

func TestRedirectsDoNotRepeatATokenInAQuery(t *testing.T) {
	for name, tc := range map[string]struct{ location, want, then string }{
		"the same parameter":        {"/y?access_token=TOKEN&a=1", "/y?a=1", "https://api.test/y?a=1&access_token=TOKEN"},
		"to another host":           {"https://other.test/y?a=1&access_token=TOKEN", "https://other.test/y?a=1", "https://other.test/y?a=1"},
		"another parameter":         {"https://other.test/y?t=TOKEN", "https://other.test/y?t=redacted", "https://other.test/y?t=redacted"},
		"in the path":               {"https://other.test/TOKEN/y", "https://other.test/redacted/y", "https://other.test/redacted/y"},
		"a parameter of the server": {"https://other.test/y?access_token=theirs", "https://other.test/y?access_token=theirs", "https://other.test/y?access_token=theirs"},
		"what is no URL":            {"://TOKEN", "://redacted", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := begin(t, idptest.New(), injecting(&config.Inject{Query: "access_token"}))
				token := w.token(billing).Value()
				n := redirecting(strings.ReplaceAll(tc.location, "TOKEN", token))
				location := ""
				client := w.client(n)
				client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
					location = r.Response.Header.Get("Location")
					return nil
				}
				_, err := send(t, client, http.MethodGet, "https://api.test/x", nil)
				if tc.then == "" {
					if err == nil || strings.Contains(err.Error(), token) {
						t.Error("no error, or one that shows the token")
					}
					return
				}
				if err != nil || len(n.requests) != 2 || location != tc.want || n.requests[1].url != strings.ReplaceAll(tc.then, "TOKEN", token) {
					t.Errorf("location %s, then %v, %v", location, len(n.requests), err)
				}
			})
		})
	}
}

// broken fails with errors that name the URL, as some do.
type broken struct{ wrap error }

func (b broken) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("GET %s: %w", r.URL, &url.Error{Op: "Get", URL: r.URL.String(), Err: b.wrap})
}

func TestErrorsDoNotShowATokenInAQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), injecting(&config.Inject{Query: "access_token"}))
		timedOut := &url.Error{Op: "x", Err: timeout{}}
		for _, inner := range []error{http.ErrHandlerTimeout, timedOut} {
			client := &http.Client{Transport: w.sys.Transport(billing, broken{inner})}
			_, err := send(t, client, http.MethodGet, "https://api.test/x?a=1", nil)
			if err == nil || !errors.Is(err, inner) || !strings.Contains(err.Error(), "a=1&access_token=redacted") {
				t.Fatalf("got %v", err)
			}
			checkValue(t, "error", err)
			for e := err; e != nil; e = errors.Unwrap(e) {
				checkText(t, "error", e.Error())
			}
			var late interface{ Timeout() bool }
			if errors.As(err, &late) && late.Timeout() != (inner == error(timedOut)) {
				t.Errorf("%v: a timeout is %v", inner, late.Timeout())
			}
		}
		_, err := w.sys.Transport(billing, broken{}).RoundTrip(crowded(t).WithContext(t.Context()))
		checkValue(t, "error without a reason", err)
	})
}

type timeout struct{}

func (timeout) Error() string { return "late" }
func (timeout) Timeout() bool { return true }

func TestOtherErrorsStayAsTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, inject := range []*config.Inject{{Query: "t"}, {Cookie: "t"}, nil} {
			w := begin(t, idptest.New(), injecting(inject))
			plain := errors.New("plain")
			if _, err := w.sys.Transport(billing, failing{plain}).RoundTrip(crowded(t)); err != plain {
				t.Errorf("got %v", err)
			}
		}
	})
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestATokenThatNoCookieCanCarry(t *testing.T) {
	for _, token := range []string{`a;b`, `a"b`, `a\b`} {
		service := config.Service{
			Provider: config.KindStatic, Static: &config.Static{Token: config.NewSecret(token)}, Inject: &config.Inject{Cookie: "sid"},
		}
		synctest.Test(t, func(t *testing.T) {
			w := begin(t, idptest.New(), setup{services: map[string]config.Service{billing: service}})
			n, body := &network{}, &closing{Reader: strings.NewReader("body")}
			_, err := send(t, w.client(n), http.MethodPost, "https://api.test/x", body)
			if !errors.Is(err, messages.ErrInvalidResponse) || len(n.requests) != 0 || strings.Contains(err.Error(), token) {
				t.Errorf("%d requests, %v", len(n.requests), err)
			}
			if !body.closed {
				t.Error("the body was left open, as no RoundTripper may")
			}
		})
	}
}

func TestAnotherPlaceCountsAtOnceAndCostsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), injecting(nil))
		n := &network{}
		transport := w.sys.Transport(billing, n)
		token := w.token(billing).Value()
		service := w.cfg.Services[billing]
		service.Inject = &config.Inject{Query: "t"}
		if err := w.sys.Apply(t.Context(), &config.Config{Services: map[string]config.Service{billing: service}}); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Minute)
		if _, err := send(t, &http.Client{Transport: transport}, http.MethodGet, "https://api.test/x", nil); err != nil {
			t.Fatal(err)
		}
		if got := n.requests[0]; got.url != "https://api.test/x?t="+token || got.header != "" {
			t.Error("the token is in the place of before")
		}
		w.calls(billing, 1)
	})
}

func TestPerRPCCredentialsGoToTheServicesHostsAlone(t *testing.T) {
	const api = "https://api.test/x.X"
	for name, tc := range map[string]struct {
		hosts   []string
		uris    []string
		allowed bool
	}{
		"nothing said":            {nil, []string{api}, true},
		"nothing said nor called": {nil, nil, true},
		"one of them":             {[]string{"b.test", "api.test"}, []string{api}, true},
		"its port":                {[]string{"api.test:443"}, []string{api}, true},
		"another port":            {[]string{"api.test:8443"}, []string{api}, false},
		"any port":                {[]string{"api.test"}, []string{"https://api.test:8443/x.X"}, true},
		"another host":            {[]string{"api.test"}, []string{"https://evil.test/x.X"}, false},
		"a host below":            {[]string{"api.test"}, []string{"https://x.api.test/x.X"}, false},
		"one of two":              {[]string{"api.test"}, []string{api, "https://evil.test/x.X"}, false},
		"no host":                 {[]string{"api.test"}, []string{""}, false},
		"no URL":                  {[]string{"api.test"}, []string{":%"}, false},
		"no call":                 {[]string{"api.test"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := injecting(nil)
				service := s.services[billing]
				service.Hosts = tc.hosts
				s.services[billing] = service
				w := begin(t, idptest.New(), s)
				ctx := overChannel(t.Context(), credentials.PrivacyAndIntegrity)
				metadata, err := w.sys.PerRPCCredentials(billing).GetRequestMetadata(ctx, tc.uris...)
				if tc.allowed != (err == nil) || !tc.allowed && (status.Code(err) != codes.PermissionDenied || !errors.Is(err, messages.ErrDenied) || metadata != nil) {
					t.Errorf("%v", err)
				}
				if !tc.allowed {
					w.calls(billing, 0)
				}
			})
		})
	}
}

func TestPerRPCCredentialsKnowHeadersAlone(t *testing.T) {
	for name, tc := range map[string]struct {
		inject *config.Inject
		key    string
		prefix string
		want   string
	}{
		"another header":         {&config.Inject{Header: "X-Auth-Token"}, "x-auth-token", "", ""},
		"a header with a prefix": {&config.Inject{Header: "X-Auth", Prefix: new("Token ")}, "x-auth", "Token ", ""},
		"a query":                {&config.Inject{Query: "t"}, "", "", "token of billing: gRPC has no query: set inject.header"},
		"a cookie":               {&config.Inject{Cookie: "t"}, "cookie", "t=", ""},
		"no prefix":              {&config.Inject{Header: "Authorization", Prefix: new("")}, "authorization", "", ""},
		"a name of gRPC's":       {&config.Inject{Header: "Grpc-Timeout"}, "", "", "token of billing: grpc-timeout cannot be the name of gRPC metadata: set another inject.header"},
		"a name of bytes":        {&config.Inject{Header: "X-Bin"}, "", "", "token of billing: x-bin cannot be the name of gRPC metadata: set another inject.header"},
		"a name that is none":    {&config.Inject{Header: "X!"}, "", "", "token of billing: x! cannot be the name of gRPC metadata: set another inject.header"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := begin(t, idptest.New(), injecting(tc.inject))
				token := w.token(billing).Value()
				ctx := overChannel(t.Context(), credentials.PrivacyAndIntegrity)
				metadata, err := w.sys.PerRPCCredentials(billing).GetRequestMetadata(ctx, "https://api.test/x.X")
				if tc.want != "" {
					if s := status.Convert(err); s.Code() != codes.Internal || s.Message() != tc.want || metadata != nil {
						t.Errorf("got %v", err)
					}
					return
				}
				if err != nil || len(metadata) != 1 || metadata[tc.key] != tc.prefix+token {
					t.Errorf("%d entries, %v", len(metadata), err)
				}
			})
		})
	}
}
