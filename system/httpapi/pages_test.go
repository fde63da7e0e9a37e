package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"tokend/system/access"
)

func TestPagesOfOtherSitesAreNotServed(t *testing.T) {
	for name, c := range map[string]struct {
		headers http.Header
		want    int
	}{
		"a program":                           {http.Header{}, 200},
		"a program that sends only its mode":  {http.Header{"Sec-Fetch-Mode": {"cors"}}, 200},
		"an address that was typed":           {http.Header{"Sec-Fetch-Site": {"none"}, "Sec-Fetch-Mode": {"navigate"}}, 200},
		"a page of the node's own":            {http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200},
		"a page of another site":              {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"no-cors"}}, 403},
		"a page of another port":              {http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		"a link on one":                       {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}}, 403},
		"what no browser sends":               {http.Header{"Sec-Fetch-Site": {"garbage"}}, 403},
		"nothing":                             {http.Header{"Sec-Fetch-Site": {""}}, 403},
		"capitals":                            {http.Header{"Sec-Fetch-Site": {"NONE"}}, 403},
		"two in one":                          {http.Header{"Sec-Fetch-Site": {"none, cross-site"}}, 403},
		"two, the second of which is another": {http.Header{"Sec-Fetch-Site": {"none", "cross-site"}}, 403},
		"two, the first of which is another":  {http.Header{"Sec-Fetch-Site": {"cross-site", "same-origin"}}, 403},
		"twice the same":                      {http.Header{"Sec-Fetch-Site": {"none", "none"}}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/token/billing", nil)
			r.Host, r.Header = "localhost", c.headers
			rec := httptest.NewRecorder()
			Guard(newDoor(newFake()), nil).ServeHTTP(rec, r)
			if rec.Code != c.want {
				t.Errorf("status %d, want %d", rec.Code, c.want)
			}
		})
	}
}

// A door on TCP has the same guard; on a Unix socket, which no browser reaches, a proxy
// may hand on what its client has sent.
func TestPagesAreNotServedThroughAPort(t *testing.T) {
	for _, e := range []Endpoint{aPort, {Address: "unix://" + socketPath(t)}} {
		_, l := serveDoor(t, newFake(), e, Options{}, DoorOptions{})
		status, _ := dialTest(t, l).get("/v1/token/billing", "Sec-Fetch-Site: cross-site")
		if want := map[string]int{"tcp": 403, "unix": 200}[l.Addr().Network()]; status != want {
			t.Errorf("%s: status %d, want %d", e.Address, status, want)
		}
	}
}

func TestEveryAnswerIsKeptFromPages(t *testing.T) {
	policy, err := access.New(nil, access.Options{})
	if err != nil {
		t.Fatal(err)
	}
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x 1\n")) })
	open := New(newFake(), Options{Metrics: metrics})
	for name, c := range map[string]struct {
		handler http.Handler
		method  string
		path    string
	}{
		"a token":             {open, "GET", "/v1/token/billing"},
		"a head":              {open, "HEAD", "/v1/token/billing"},
		"a proxy's question":  {open, "GET", "/v1/authorize/billing"},
		"a refused one":       {open, "GET", "/v1/authorize/none"},
		"metrics":             {open, "GET", "/metrics"},
		"health":              {open, "GET", "/healthz"},
		"readiness":           {open, "GET", "/readyz"},
		"the document":        {open, "GET", "/v1/openapi.yaml"},
		"services":            {open, "GET", "/v1/services"},
		"no such path":        {open, "GET", "/favicon.ico"},
		"another method":      {open, "DELETE", "/v1/token/billing"},
		"a wrong body":        {open, "POST", "/v1/tokens"},
		"a stranger":          {New(newFake(), Options{Access: access.NewShared(policy)}), "GET", "/v1/token/billing"},
		"what a guard denies": {Guard(open, nil), "GET", "/v1/token/billing"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, http.NoBody)
			rec := httptest.NewRecorder()
			c.handler.ServeHTTP(rec, r)
			h := rec.Result().Header
			if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
				t.Errorf("status %d, %v", rec.Code, h)
			}
		})
	}
}
