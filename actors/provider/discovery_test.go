package provider

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tokend/messages"
)

// issuing is an authorization server that answers to GET by path, and well to
// POST; ISSUER in an answer is its URL.
type issuing struct {
	*httptest.Server

	answers map[string]http.HandlerFunc

	mu    sync.Mutex // two connections may be served at the same time
	asked []string
}

// requests returns what was asked for.
func (s *issuing) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func newIssuing(t *testing.T) *issuing {
	t.Helper()
	s := &issuing{answers: map[string]http.HandlerFunc{}}
	s.Server = serve(t, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		if answer := s.answers[r.Method+" "+r.URL.Path]; answer != nil {
			answer(w, r)
			return
		}
		http.NotFound(w, r)
	})
	s.answers["POST /token"] = says(200, goodAnswer)
	return s
}

func (s *issuing) says(path string, status int, body string) {
	s.answers["GET "+path] = says(status, strings.ReplaceAll(body, "ISSUER", s.URL))
}

// discovering returns settings of a client that knows the issuer alone.
func (s *issuing) discovering(t *testing.T, path string) ClientCredentials {
	t.Helper()
	c := client(t, "")
	c.Issuer = s.URL + path
	return c
}

func TestTheTokenEndpointIsDiscovered(t *testing.T) {
	for name, c := range map[string]struct {
		issuer, place string
		asked         []string
	}{
		"RFC 8414":                 {"", oauthMetadata, []string{"GET " + oauthMetadata, "POST /token"}},
		"RFC 8414 and a path":      {"/t/1", oauthMetadata + "/t/1", []string{"GET " + oauthMetadata + "/t/1", "POST /token"}},
		"a path that ends":         {"/t/", oauthMetadata + "/t", []string{"GET " + oauthMetadata + "/t", "POST /token"}},
		"OpenID Connect":           {"", openIDMetadata, []string{"GET " + oauthMetadata, "GET " + openIDMetadata, "POST /token"}},
		"OpenID Connect, a path":   {"/t", "/t" + openIDMetadata, []string{"GET " + oauthMetadata + "/t", "GET /t" + openIDMetadata, "POST /token"}},
		"OpenID Connect and a /":   {"/", openIDMetadata, []string{"GET " + oauthMetadata, "GET " + openIDMetadata, "POST /token"}},
		"a page instead of a 404":  {"/p", "/p" + openIDMetadata, []string{"GET " + oauthMetadata + "/p", "GET /p" + openIDMetadata, "POST /token"}},
		"a denial instead of that": {"/d", "/d" + openIDMetadata, []string{"GET " + oauthMetadata + "/d", "GET /d" + openIDMetadata, "POST /token"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newIssuing(t)
			s.says(oauthMetadata+"/p", 200, "<html>")
			s.says(oauthMetadata+"/d", 403, "")
			s.says(c.place, 200, `{"issuer":"ISSUER`+c.issuer+`","token_endpoint":"ISSUER/token"}`)
			p := mustClient(t, s.discovering(t, c.issuer))
			acquire(t, p)
			if diff := cmp.Diff(c.asked, s.requests()); diff != "" {
				t.Error(diff)
			}
			if host := p.(Hosted).Host(); "http://"+host != s.URL {
				t.Errorf("host %s", host)
			}
		})
	}
}

func TestMetadataCountForAnHourOrUntilAFailure(t *testing.T) {
	s := newIssuing(t)
	s.says(oauthMetadata, 200, `{"issuer":"ISSUER","token_endpoint":"ISSUER/token"}`)
	now := time.Now()
	settings := s.discovering(t, "")
	settings.Now = func() time.Time { return now }
	p := mustClient(t, settings)
	read := func() int {
		n := 0
		for _, request := range s.requests() {
			if strings.HasPrefix(request, "GET") {
				n++
			}
		}
		return n
	}
	wantRead := func(when string, want int) {
		t.Helper()
		if got := read(); got != want {
			t.Errorf("%s: read %d times, want %d", when, got, want)
		}
	}
	acquire(t, p)
	now = now.Add(time.Hour - 1)
	acquire(t, p)
	wantRead("within the hour", 1)
	now = now.Add(1)
	acquire(t, p)
	wantRead("after it", 2)
	s.answers["POST /token"] = says(503, "")
	failure(t, p)
	wantRead("at a failure", 2)
	s.answers["POST /moved"] = says(200, goodAnswer)
	s.says(oauthMetadata, 200, `{"issuer":"ISSUER","token_endpoint":"ISSUER/moved"}`)
	acquire(t, p)
	wantRead("after a failure", 3)
}

// The endpoint that metadata named counts on while nobody can be asked for them.
func TestMetadataThatCannotBeReadAnew(t *testing.T) {
	good := `{"issuer":"ISSUER","token_endpoint":"ISSUER/token"}`
	for name, c := range map[string]struct {
		after time.Duration
		then  func(*issuing)
		want  string // empty: a token
	}{
		"in trouble":               {metadataLife, func(s *issuing) { s.says(oauthMetadata, 503, "") }, ""},
		"gone":                     {metadataLife, func(s *issuing) { delete(s.answers, "GET "+oauthMetadata) }, ""},
		"a page":                   {metadataLife, func(s *issuing) { s.says(oauthMetadata, 200, "<html>") }, ""},
		"in trouble for a day":     {metadataTrust - 1, func(s *issuing) { s.says(oauthMetadata, 503, "") }, ""},
		"in trouble for longer":    {metadataTrust, func(s *issuing) { s.says(oauthMetadata, 503, "") }, "no metadata of the issuer: 503 service unavailable"},
		"of another issuer":        {metadataLife, func(s *issuing) { s.says(oauthMetadata, 200, `{"issuer":"x"}`) }, `the metadata is of issuer "x", which is not exactly the one that is set`},
		"without a token endpoint": {metadataLife, func(s *issuing) { s.says(oauthMetadata, 200, `{"issuer":"ISSUER"}`) }, "metadata of the issuer: token_endpoint: not an https:// URL"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newIssuing(t)
			s.says(oauthMetadata, 200, good)
			now := time.Now()
			settings := s.discovering(t, "")
			settings.Now = func() time.Time { return now }
			p := mustClient(t, settings)
			acquire(t, p)
			now = now.Add(c.after)
			c.then(s)
			if c.want == "" {
				acquire(t, p)
				return
			}
			if got := failure(t, p); got.Text != c.want {
				t.Errorf("got %s", got.Text)
			}
		})
	}
}

// hurried is a context that names a deadline and never ends by it.
type hurried struct {
	context.Context

	at time.Time
}

func (h *hurried) Deadline() (time.Time, bool) { return h.at, true }

// Whoever is not there to be asked must not take all the time.
func TestMetadataThatDoNotComeLeaveTime(t *testing.T) {
	s := newIssuing(t)
	s.says(oauthMetadata, 200, `{"issuer":"ISSUER","token_endpoint":"ISSUER/token"}`)
	now := time.Now()
	settings := s.discovering(t, "")
	settings.Now = func() time.Time { return now }
	p := mustClient(t, settings)
	acquire(t, p)
	now = now.Add(metadataLife)
	s.answers["GET "+oauthMetadata] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	ctx := &hurried{t.Context(), time.Now().Add(200 * time.Millisecond)}
	if _, err := Acquire(ctx, p, Request{Service: "billing"}); err != nil {
		t.Error(err)
	}
}

func TestMetadataThatCannotBeUsed(t *testing.T) {
	for name, c := range map[string]struct {
		status            int
		body, class, text string
	}{
		"none":              {404, "", messages.ClassTransient, "no metadata of the issuer: 404: is issuer right?"},
		"refused":           {403, "", messages.ClassTransient, "no metadata of the issuer: 403 forbidden"},
		"in trouble":        {503, "", messages.ClassTransient, "no metadata of the issuer: 503 service unavailable"},
		"too many":          {429, "", messages.ClassThrottled, "no metadata of the issuer: 429 too many requests"},
		"a page":            {200, "<html>", messages.ClassMalformed, "answer is HTML or XML, not JSON: is issuer right?"},
		"of nobody":         {200, `{"token_endpoint":"ISSUER/token"}`, messages.ClassMalformed, `the metadata is of issuer "", which is not exactly the one that is set`},
		"of another issuer": {200, `{"issuer":"https://other.example","token_endpoint":"ISSUER/token"}`, messages.ClassMalformed, `the metadata is of issuer "https://other.example", which is not exactly the one that is set`},
		"of nearly that":    {200, `{"issuer":["ISSUER"],"token_endpoint":"ISSUER/token"}`, messages.ClassMalformed, `the metadata is of issuer "[\"ISSUER\"]", which is not exactly the one that is set`},
		"without endpoint":  {200, `{"issuer":"ISSUER"}`, messages.ClassMalformed, "metadata of the issuer: token_endpoint: not an https:// URL"},
		"to somebody by http": {
			200, `{"issuer":"ISSUER","token_endpoint":"http://idp.example/token"}`, messages.ClassMalformed,
			"metadata of the issuer: token_endpoint: http:// would send secrets in the clear: use https://, or set allow_http",
		},
		"with a user": {
			200, `{"issuer":"ISSUER","token_endpoint":"https://u:canary@idp.example/"}`, messages.ClassMalformed,
			"metadata of the issuer: token_endpoint: has a user in it",
		},
		"too large": {200, `{"issuer":"` + strings.Repeat("x", maxBody) + `"}`, messages.ClassMalformed, "answer is larger than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newIssuing(t)
			s.says(oauthMetadata, c.status, c.body)
			s.says(openIDMetadata, c.status, c.body)
			got := failure(t, mustClient(t, s.discovering(t, "")))
			wantFailure(t, got, c.class, strings.ReplaceAll(c.text, "ISSUER", s.URL))
			for _, request := range s.requests() {
				if strings.HasPrefix(request, "POST") {
					t.Errorf("%s: a secret was sent", request)
				}
			}
		})
	}
}

func TestIssuersThatCannotWork(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://idp.example/?canary":  "issuer: has a query",
		"https://u:canary@idp.example": "issuer: has a user in it",
		"ftp://canary":                 "issuer: not an https:// URL",
	} {
		settings := client(t, "")
		settings.Issuer = issuer
		if _, err := NewClientCredentials(settings); err == nil || err.Error() != want {
			t.Errorf("%s: got %v", issuer, err)
		}
	}
}

func TestAClientWithACertificateTakesTheEndpointForIt(t *testing.T) {
	r := newRotation(t)
	var base string
	server := r.ca.serveTLS(t, hour(), func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case oauthMetadata:
			says(200, `{"issuer":"`+base+`","token_endpoint":"`+base+`/wrong","mtls_endpoint_aliases":{"token_endpoint":"`+base+`/mtls"}}`)(w, req)
		case "/mtls":
			says(200, goodAnswer)(w, req)
		default:
			http.NotFound(w, req)
		}
	}, nil)
	base = server.URL
	_, cert, key := r.ca.issue(t, hour())
	settings := r.settings
	settings.TokenURL, settings.Issuer = "", base
	settings.TLS.CertFile, settings.TLS.KeyFile = cert, key
	acquire(t, mustClient(t, settings))
}

// What came over https must not send a secret into the clear, on this machine neither.
func TestMetadataOverHTTPSNameEndpointsOfHTTPS(t *testing.T) {
	const clear = "metadata of the issuer: token_endpoint: is http://, though the issuer is https://: set allow_http if that is meant"
	const far = "metadata of the issuer: token_endpoint: http:// would send secrets in the clear: use https://, or set allow_http"
	const mutual = "metadata of the issuer: token_endpoint: is not https://, without which client_auth tls shows no certificate"
	for name, c := range map[string]struct {
		members     string
		auth        string
		allow, over bool // allow_http; the issuer is https://
		want        string
	}{
		"this machine":              {`"token_endpoint":"http://127.0.0.1/t"`, "", false, true, clear},
		"by its name":               {`"token_endpoint":"http://LOCALHOST:1/t"`, "", false, true, clear},
		"by its other address":      {`"token_endpoint":"http://[::1]/t"`, "", false, true, clear},
		"another host":              {`"token_endpoint":"http://idp.example/t"`, "", false, true, far},
		"permitted":                 {`"token_endpoint":"http://127.0.0.1/t"`, "", true, true, ""},
		"https":                     {`"token_endpoint":"https://idp.example/t"`, "", false, true, ""},
		"an issuer of http":         {`"token_endpoint":"http://127.0.0.1/t"`, "", false, false, ""},
		"an alias":                  {`"token_endpoint":"https://idp.example/t","mtls_endpoint_aliases":{"token_endpoint":"http://127.0.0.1/t"}`, AuthTLS, false, true, mutual},
		"an alias, permitted":       {`"token_endpoint":"https://idp.example/t","mtls_endpoint_aliases":{"token_endpoint":"http://127.0.0.1/t"}`, AuthTLS, true, true, mutual},
		"an alias that is not used": {`"token_endpoint":"https://idp.example/t","mtls_endpoint_aliases":{"token_endpoint":"http://127.0.0.1/t"}`, "", false, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := "http://127.0.0.1"
			if c.over {
				issuer = "https://idp.example"
			}
			at, err := url.Parse(issuer)
			if err != nil {
				t.Fatal(err)
			}
			d := &discovery{Endpoint: Endpoint{AllowHTTP: c.allow}, issuer: issuer, mutual: c.auth == AuthTLS}
			_, err = d.judge(&answer{url: at, status: 200, header: http.Header{}, body: []byte(`{"issuer":"` + issuer + `",` + c.members + `}`)})
			got := ""
			if err != nil {
				got = Classify(err).Text
			}
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestAnIssuerThatDiffersByASlash(t *testing.T) {
	for name, c := range map[string]struct{ set, said, want string }{
		"one too few":  {"https://idp.example", "https://idp.example/", `the metadata is of issuer "https://idp.example/", with a slash at its end: set issuer to exactly that`},
		"one too many": {"https://idp.example/t/", "https://idp.example/t", `the metadata is of issuer "https://idp.example/t", without a slash at its end: set issuer to exactly that`},
		"another host": {"https://idp.example", "https://idp.example.org/", `the metadata is of issuer "https://idp.example.org/", which is not exactly the one that is set`},
	} {
		t.Run(name, func(t *testing.T) {
			d := &discovery{issuer: c.set}
			_, err := d.judge(&answer{url: &url.URL{Scheme: "https"}, status: 200, header: http.Header{}, body: []byte(`{"issuer":"` + c.said + `"}`)})
			wantFailure(t, Classify(err), messages.ClassMalformed, c.want)
		})
	}
}

// Whatever metadata say, a secret goes to nobody but the issuer's own endpoint, and
// not in the clear.
func FuzzMetadata(f *testing.F) {
	f.Add(false, `{"issuer":"https://idp.example","token_endpoint":"https://idp.example/token"}`)
	f.Add(true, `{"issuer":"https://idp.example","token_endpoint":"https://a/","mtls_endpoint_aliases":{"token_endpoint":"https://b/"}}`)
	f.Add(true, `{"issuer":"https://idp.example","mtls_endpoint_aliases":{"token_endpoint":"http://127.0.0.1/"}}`)
	f.Add(false, `{"issuer":"https://idp.example/","token_endpoint":"https://idp.example/token"}`)
	f.Add(false, `{"issuer":"https://idp.example","token_endpoint":"https://u:p@idp.example/#x"}`)
	f.Add(false, `{"issuer":"https://idp.example","issuer":"https://other.example","token_endpoint":"http://idp.example"}`)
	f.Add(false, `[{"issuer":"https://idp.example"}]`)
	f.Add(false, "<html>")
	f.Fuzz(func(t *testing.T, mutual bool, body string) {
		d := &discovery{issuer: "https://idp.example", mutual: mutual}
		a := &answer{url: &url.URL{Scheme: "https", Host: "idp.example"}, status: 200, header: http.Header{}}
		if err := a.read(strings.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		u, err := d.judge(a)
		if err != nil {
			if e := Classify(err); e.Class != messages.ClassMalformed || e.Text != printable(e.Text, maxText) {
				t.Errorf("%#v", e)
			}
			return
		}
		if u.User != nil || u.Hostname() == "" || u.Scheme != "https" {
			t.Errorf("the endpoint is %s", u)
		}
	})
}

func FuzzRedirect(f *testing.F) {
	f.Add("https://user:hunter22@other.example/token?key=hunter22#hunter22")
	f.Add("/hunter22")
	f.Add("//other.example:1/%68unter22/%0d%0a")
	f.Add("://")
	f.Fuzz(func(t *testing.T, target string) {
		var hidden secrets
		hidden.add("hunter22")
		a := &answer{url: &url.URL{Scheme: "https", Host: "idp.example"}, status: 302, header: http.Header{"Location": {target}}}
		text := a.hint("token_url", &hidden)
		if strings.Contains(text, "hunter22") || text != printable(text, maxText) {
			t.Errorf("%q", text)
		}
	})
}
