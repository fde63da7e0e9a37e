package tests

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// seen is a request as it reached the network.
type seen struct{ url, header, body string }

// network answers every request as handle says and keeps what it saw.
type network struct {
	requests []seen
	handle   func(n *network, r *http.Request) *http.Response
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(text)
		_ = r.Body.Close()
	}
	n.requests = append(n.requests, seen{r.URL.String(), r.Header.Get("Authorization"), body})
	if n.handle == nil {
		return answer(r, http.StatusOK), nil
	}
	return n.handle(n, r), nil
}

// client returns a client for billing's resource server.
func (w *world) client(n *network) *http.Client {
	return &http.Client{Transport: w.sys.Transport(billing, n)}
}

// send sends a request and returns the answer's status, 0 if there was none.
func send(t *testing.T, client *http.Client, method, url string, body io.Reader) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func TestTransportSendsTheTokenWhereItMayGo(t *testing.T) {
	tests := map[string]struct {
		hosts []string
		url   string
		want  bool
	}{
		"without hosts, to anybody over https":    {nil, "https://api.test/x", true},
		"not over http":                           {nil, "http://api.test/x", false},
		"but over http to loopback":               {nil, "http://127.0.0.1:8080/x", true},
		"or to its other address":                 {nil, "http://[::1]:8080/x", true},
		"or by its name":                          {nil, "http://localhost/x", true},
		"not to a name that begins like it":       {nil, "http://127.0.0.1.test/x", false},
		"to a host of hosts":                      {[]string{"api.test"}, "https://api.test/x", true},
		"to one of several":                       {[]string{"other.test", "api.test"}, "https://api.test/x", true},
		"whatever the case":                       {[]string{"api.test"}, "https://API.test/x", true},
		"not to another":                          {[]string{"api.test"}, "https://other.test/x", false},
		"not to a host below it":                  {[]string{"api.test"}, "https://sub.api.test/x", false},
		"not to one that ends like it":            {[]string{"api.test"}, "https://evilapi.test/x", false},
		"to a port of hosts":                      {[]string{"api.test:8443"}, "https://api.test:8443/x", true},
		"not to another port":                     {[]string{"api.test:8443"}, "https://api.test:9443/x", false},
		"the standard port is a port":             {[]string{"api.test:443"}, "https://api.test/x", true},
		"not over http to a host of hosts":        {[]string{"api.test"}, "http://api.test/x", false},
		"not to user info that looks like a host": {[]string{"api.test"}, "https://api.test@other.test/x", false},
		"to loopback in hosts over http":          {[]string{"127.0.0.1:8080"}, "http://127.0.0.1:8080/x", true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := scripted(config.Settings{})
				service.Hosts = tc.hosts
				w := begin(t, idptest.New(), setup{services: map[string]config.Service{billing: service}})
				n := &network{}
				_, err := send(t, w.client(n), http.MethodGet, tc.url, nil)
				sent := len(n.requests) == 1 && n.requests[0].header == w.token(billing).Header()
				if sent != tc.want {
					t.Errorf("sent is %v, error %v", sent, err)
				}
				for _, r := range n.requests {
					if !tc.want && strings.Contains(r.header, idptest.Canary) {
						t.Errorf("sent to %s", r.url)
					}
				}
			})
		})
	}
}

// redirecting answers the first request with a redirect to where.
func redirecting(where string) *network {
	return &network{handle: func(n *network, r *http.Request) *http.Response {
		if len(n.requests) > 1 {
			return answer(r, http.StatusOK)
		}
		res := answer(r, http.StatusTemporaryRedirect)
		res.Header.Set("Location", where)
		return res
	}}
}

func TestTransportAndRedirects(t *testing.T) {
	tests := map[string]struct {
		hosts []string
		where string
		want  bool // whether the second request carries the token
	}{
		"within the origin":             {nil, "/y", true},
		"to another host":               {nil, "https://other.test/y", false},
		"to a host below":               {nil, "https://sub.api.test/y", false},
		"to another port":               {nil, "https://api.test:8443/y", false},
		"to http":                       {nil, "http://api.test/y", false},
		"to http on loopback":           {nil, "http://127.0.0.1/y", false},
		"to another host of hosts":      {[]string{"api.test", "other.test"}, "https://other.test/y", true},
		"to a host that is not of them": {[]string{"api.test"}, "https://other.test/y", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := scripted(config.Settings{})
				service.Hosts = tc.hosts
				w := begin(t, idptest.New(), setup{services: map[string]config.Service{billing: service}})
				n := redirecting(tc.where)
				_, err := send(t, w.client(n), http.MethodGet, "https://api.test/x", nil)
				header := w.token(billing).Header()
				if len(n.requests) == 0 || n.requests[0].header != header {
					t.Fatalf("the first request: %v", err)
				}
				sent := len(n.requests) == 2 && n.requests[1].header == header
				if sent != tc.want {
					t.Errorf("after the redirect: sent is %v, error %v", sent, err)
				}
				for _, r := range n.requests[1:] {
					if !tc.want && strings.Contains(r.header, idptest.Canary) {
						t.Errorf("sent to %s", r.url)
					}
				}
			})
		})
	}
}

// refusing answers 401 to the first n requests.
func refusing(first int) *network {
	return &network{handle: func(n *network, r *http.Request) *http.Response {
		if len(n.requests) <= first {
			return answer(r, http.StatusUnauthorized)
		}
		return answer(r, http.StatusOK)
	}}
}

// once is a body that can be read but once.
type once struct{ io.Reader }

func TestTransportReplaysOnceWhatCanBeReplayed(t *testing.T) {
	tests := map[string]struct {
		refused  int
		body     func() io.Reader
		status   int
		requests int
		calls    int
	}{
		"no refusal":                          {0, none, http.StatusOK, 1, 1},
		"a request without a body":            {1, none, http.StatusOK, 2, 2},
		"a body that can be had again":        {1, func() io.Reader { return strings.NewReader("body") }, http.StatusOK, 2, 2},
		"a body that can be had but once":     {1, func() io.Reader { return once{strings.NewReader("body")} }, http.StatusUnauthorized, 1, 2},
		"a second refusal goes to the caller": {2, none, http.StatusUnauthorized, 2, 2},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := begin(t, idptest.New(), setup{})
				old := w.token(billing)
				pass(10 * time.Minute)
				n := refusing(tc.refused)
				status, err := send(t, w.client(n), http.MethodPost, "https://api.test/x", tc.body())
				if err != nil || status != tc.status || len(n.requests) != tc.requests {
					t.Fatalf("status %d after %d requests, %v", status, len(n.requests), err)
				}
				synctest.Wait()
				w.calls(billing, tc.calls)
				if tc.requests == 2 {
					first, second := n.requests[0], n.requests[1]
					if first.header != old.Header() || second.header == first.header || second.body != first.body {
						t.Errorf("replayed with the same token or another body (%q, %q)", first.body, second.body)
					}
				}
			})
		})
	}
}

func none() io.Reader { return nil }

func TestTransportInvalidatesTheTokenItSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		w.token(billing)
		pass(10 * time.Minute)
		n := &network{}
		n.handle = func(_ *network, r *http.Request) *http.Response {
			if len(n.requests) > 1 {
				return answer(r, http.StatusOK)
			}
			// While the request was on its way somebody else got a new token, which
			// the refusal of the old one must not cost.
			if err := w.sys.Refresh(t.Context(), billing); err != nil {
				t.Error(err)
			}
			return answer(r, http.StatusUnauthorized)
		}
		status, err := send(t, w.client(n), http.MethodGet, "https://api.test/x", nil)
		if err != nil || status != http.StatusOK || len(n.requests) != 2 || n.requests[1].header != w.token(billing).Header() {
			t.Errorf("status %d after %d requests, %v", status, len(n.requests), err)
		}
		w.calls(billing, 2)
	})
}

func TestTransportLeavesTheRequestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		w.token(billing)
		pass(10 * time.Minute)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.test/x", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Mine", "kept")
		before := req.Clone(t.Context())
		res, err := w.sys.Transport(billing, refusing(1)).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if len(req.Header) != 1 || req.Header.Get("X-Mine") != "kept" || req.URL.String() != before.URL.String() || req.Host != before.Host {
			t.Errorf("changed: %v %v", req.URL, len(req.Header))
		}
	})
}

func TestTransportWithoutATokenSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Fail(messages.ClassRejected))
		w := begin(t, idp, setup{})
		n, body := &network{}, &closing{Reader: strings.NewReader("body")}
		_, err := send(t, w.client(n), http.MethodPost, "https://api.test/x", body)
		if !errors.Is(err, messages.ErrRejected) || len(n.requests) != 0 {
			t.Errorf("%d requests, %v", len(n.requests), err)
		}
		if !body.closed {
			t.Error("the body was left open, as no RoundTripper may")
		}
	})
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func TestTransportOverARealSocket(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	w := begin(t, idptest.New(), setup{})
	tok, err := w.sys.Token(t.Context(), billing)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("Authorization") }))
	defer server.Close()
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	if status, err := send(t, &http.Client{Transport: w.sys.Transport(billing, base)}, http.MethodGet, server.URL, nil); err != nil || status != http.StatusOK {
		t.Fatalf("%d, %v", status, err)
	}
	if sent := <-got; sent != tok.Header() {
		t.Error("another header arrived")
	}
	if err := w.sys.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
