package provider

import (
	"net/http"
	"testing"
	"time"

	"tokend/messages"
)

func TestTokensOutsideOfTheJSON(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		response Response
		body     string
		headers  []string
		want     Result
	}{
		"a header":                      {Response{TokenHeader: "x-auth-token"}, "<html>", []string{"X-Auth-Token", "at"}, Result{}},
		"a header with its type":        {Response{TokenHeader: "Authorization"}, "", []string{"Authorization", "bearer at"}, Result{}},
		"a header with a lifetime":      {Response{TokenHeader: "X", ExpiresInHeader: "X-Life"}, "", []string{"X", "at", "X-Life", " 60 "}, Result{Lifetime: time.Minute}},
		"a header with a time":          {Response{TokenHeader: "X", ExpiresAtHeader: "X-Until"}, "", []string{"X", "at", "X-Until", "2026-03-01T12:00:00Z"}, Result{ExpiresAt: at}},
		"one as HTTP writes it":         {Response{TokenHeader: "X", ExpiresAtHeader: "Expires"}, "", []string{"X", "at", "Expires", "Sun, 01 Mar 2026 12:00:00 GMT"}, Result{ExpiresAt: at}},
		"one in milliseconds":           {Response{TokenHeader: "X", ExpiresAtHeader: "X-Until"}, "", []string{"X", "at", "X-Until", "1772366400000"}, Result{ExpiresAt: at}},
		"headers that are not there":    {Response{TokenHeader: "X", ExpiresInHeader: "X-Life", ExpiresAtHeader: "X-Until"}, "", []string{"X", "at"}, Result{}},
		"a header beside the JSON":      {Response{TokenHeader: "X", ExpiresIn: "life", Success: &Predicate{Path: "ok"}}, `{"ok":true,"life":60}`, []string{"X", "at"}, Result{Lifetime: time.Minute}},
		"the shorter of two lifetimes":  {Response{TokenHeader: "X", ExpiresIn: "life", ExpiresInHeader: "X-Life"}, `{"life":90}`, []string{"X", "at", "X-Life", "60"}, Result{Lifetime: time.Minute}},
		"the sooner of two times":       {Response{TokenHeader: "X", ExpiresAt: "until", ExpiresAtHeader: "X-Until"}, `{"until":1772366401}`, []string{"X", "at", "X-Until", "1772366400"}, Result{ExpiresAt: at}},
		"that of the JSON":              {Response{TokenHeader: "X", ExpiresAt: "until", ExpiresAtHeader: "X-Until"}, `{"until":1772366400}`, []string{"X", "at", "X-Until", "1772366401"}, Result{ExpiresAt: at}},
		"a token of the JSON":           {Response{Token: "t", ExpiresInHeader: "X-Life"}, `{"t":"at"}`, []string{"X-Life", "60"}, Result{Lifetime: time.Minute}},
		"a cookie":                      {Response{TokenCookie: "sid"}, "", []string{"Set-Cookie", "sid=at; Path=/"}, Result{}},
		"a cookie with an age":          {Response{TokenCookie: "sid"}, "", []string{"Set-Cookie", `sid="at"; Max-Age=60; Expires=Sun, 01 Mar 2026 12:00:00 GMT`}, Result{Lifetime: time.Minute, ExpiresAt: at}},
		"a cookie with an end":          {Response{TokenCookie: "sid"}, "", []string{"Set-Cookie", "sid=at; Expires=Sun, 01 Mar 2026 12:00:00 GMT"}, Result{ExpiresAt: at}},
		"a cookie that outlives others": {Response{TokenCookie: "sid", ExpiresInHeader: "X-Life"}, "", []string{"Set-Cookie", "sid=at; Max-Age=90", "X-Life", "60"}, Result{Lifetime: time.Minute}},
		"a cookie of an absurd age":     {Response{TokenCookie: "sid"}, "", []string{"Set-Cookie", "sid=at; Max-Age=9223372036854775807"}, Result{}},
		"text":                          {Response{TokenText: true}, " at\n", nil, Result{}},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, says(200, c.body, append(c.headers, "Date", "")...))
			got := acquire(t, mustLogin(t, loginTo(t, server.URL, c.response)))
			if got.AccessToken.Reveal() != "at" || got.Type != "Bearer" || got.Lifetime != c.want.Lifetime || !got.ExpiresAt.Equal(c.want.ExpiresAt) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestTheLastOfSeveralCookiesCounts(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Set-Cookie"] = []string{"sid=old; Max-Age=60", "other=x", "sid=at; Max-Age=30"}
	})
	if got := acquire(t, mustLogin(t, loginTo(t, server.URL, Response{TokenCookie: "sid"}))); got.AccessToken.Reveal() != "at" || got.Lifetime != 30*time.Second {
		t.Errorf("lives for %s", got.Lifetime)
	}
}

func TestTokensOutsideOfTheJSONThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		response Response
		body     string
		headers  []string
		want     string
	}{
		"no header":                  {Response{TokenHeader: "X"}, "", nil, "response.token_header is missing"},
		"a header of two words":      {Response{TokenHeader: "X"}, "", []string{"X", "a b"}, "access token holds a space or another character that is not visible ASCII"},
		"no success":                 {Response{TokenHeader: "X", Success: &Predicate{Path: "ok"}}, `{}`, []string{"X", "at"}, "response.success does not hold"},
		"no JSON to judge by":        {Response{TokenHeader: "X", Success: &Predicate{Path: "ok"}}, "", []string{"X", "at"}, "answer is empty"},
		"a lifetime that is none":    {Response{TokenHeader: "X", ExpiresInHeader: "Y"}, "", []string{"X", "at", "Y", "soon"}, "response.expires_in_header is not a number"},
		"no lifetime left":           {Response{TokenHeader: "X", ExpiresInHeader: "Y"}, "", []string{"X", "at", "Y", "0"}, "response.expires_in_header is not positive"},
		"a time that is none":        {Response{TokenHeader: "X", ExpiresAtHeader: "Y"}, "", []string{"X", "at", "Y", "soon"}, "response.expires_at_header is neither RFC 3339 nor a number since 1970"},
		"no cookie":                  {Response{TokenCookie: "sid"}, "", []string{"Set-Cookie", "SID=at"}, "response.token_cookie is missing"},
		"a cookie without a value":   {Response{TokenCookie: "sid"}, "", []string{"Set-Cookie", "sid="}, "response.token_cookie is missing"},
		"a cookie that is taken off": {Response{TokenCookie: "sid"}, "", []string{"Set-Cookie", "sid=deleted; Max-Age=0"}, "response.token_cookie is missing"},
		"no text":                    {Response{TokenText: true}, "", nil, "response.token_text is missing"},
		"several words":              {Response{TokenText: true}, "not today", nil, "access token holds a space or another character that is not visible ASCII"},
		"HTML":                       {Response{TokenText: true}, "<html>", nil, "response.token_text finds a document, not a token: name the place of the token by response.token"},
		"a text of JSON":             {Response{TokenText: true}, `"at"`, nil, "response.token_text finds a document, not a token: name the place of the token by response.token"},
		"too much text":              {Response{TokenText: true}, string(make([]byte, maxBody+1)), nil, "response.token_text is longer than 65536 bytes"},
		"text that is no token":      {Response{TokenText: true}, string(make([]byte, maxToken+1)), nil, "access token of 65537 bytes, more than 65536"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, says(200, c.body, c.headers...))
			wantFailure(t, failure(t, mustLogin(t, loginTo(t, server.URL, c.response))), messages.ClassMalformed, c.want)
		})
	}
}

func TestATokenOutsideOfTheJSONMayBeRefusedInIt(t *testing.T) {
	server := serve(t, says(200, `{"msg":"locked"}`))
	got := failure(t, mustLogin(t, loginTo(t, server.URL, Response{TokenHeader: "X", Error: "msg"})))
	wantFailure(t, got, messages.ClassRejected, "response.token_header is missing: locked")
}

func TestStepsThatCannotWork(t *testing.T) {
	good := requesting(HTTPRequest{URL: "https://erp.example/a"})
	template := func(r HTTPRequest) func() (HTTPRequest, error) {
		if r.URL == "" {
			r.URL = "https://erp.example/a"
		}
		r.Template = refs
		return requesting(r)
	}
	uses := map[string]string{"X": "{{ .c }}"}
	for name, c := range map[string]struct {
		steps []Step
		last  func() (HTTPRequest, error)
		want  string
	}{
		"no request":                     {[]Step{{}}, good, "steps[0].request: missing"},
		"no request to be had":           {[]Step{{Request: good}, {Request: func() (HTTPRequest, error) { return HTTPRequest{}, errGone }}}, good, "steps[1].request: file is gone"},
		"no URL":                         {[]Step{{Request: requesting(HTTPRequest{})}}, good, "steps[0].request.url: missing"},
		"http":                           {[]Step{{Request: requesting(HTTPRequest{URL: "http://erp.example"})}}, good, "steps[0].request.url: http:// would send secrets in the clear: use https://, or set allow_http"},
		"http in a template":             {[]Step{{Request: template(HTTPRequest{URL: "http://erp.example/{{ nonce }}"})}}, good, "steps[0].request.url: http:// would send secrets in the clear: use https://, or set allow_http"},
		"a predicate of no kind":         {[]Step{{Request: good, Success: &Predicate{}}}, good, "steps[0].response.success: path is missing"},
		"another one":                    {[]Step{{Request: good, Rejected: &Predicate{}}}, good, "steps[0].response.rejected: path is missing"},
		"a name that is none":            {[]Step{{Request: good, Capture: map[string]Capture{"a-b": {Path: "x"}}}}, good, "steps[0].capture.a-b: no template can call a value by that name"},
		"a capture of nothing":           {[]Step{{Request: good, Capture: map[string]Capture{"a": {}}}}, good, "steps[0].capture.a: must have exactly one of path, header and cookie"},
		"a capture of two things":        {[]Step{{Request: good, Capture: map[string]Capture{"a": {Path: "x", Header: "Y"}}}}, good, "steps[0].capture.a: must have exactly one of path, header and cookie"},
		"a value of nobody":              {nil, template(HTTPRequest{Headers: uses}), "request.headers.X: {{ }} uses a captured value that no step before this request captures"},
		"a value of the step itself":     {[]Step{{Request: template(HTTPRequest{Headers: uses}), Capture: map[string]Capture{"c": {Path: "x"}}}}, good, "steps[0].request.headers.X: {{ }} uses a captured value that no step before this request captures"},
		"a host of a template":           {nil, template(HTTPRequest{URL: "https://{{ nonce }}.example/"}), "request.url: may hold {{ }} after the host's / or ? only"},
		"a port of a template":           {nil, template(HTTPRequest{URL: "https://erp.example:{{ timestamp }}"}), "request.url: may hold {{ }} after the host's / or ? only"},
		"a URL with a call that is none": {nil, template(HTTPRequest{URL: "https://erp.example/{{ x }}"}), "request.url: " + errNoFunction.Error()},
		"a Host of a template":           {nil, template(HTTPRequest{Headers: map[string]string{"host": "{{ nonce }}.example"}}), "request.headers.host: " + errHost.Error()},
		"a URL of a template":            {nil, template(HTTPRequest{URL: "{{ nonce }}"}), "request.url: may hold {{ }} after the host's / or ? only"},
		"a reference that is gone":       {nil, template(HTTPRequest{URL: "${gone}"}), "request.url: ${gone}: not set\nrequest.url: may hold {{ }} after the host's / or ? only"},
		"body in the body":               {nil, template(HTTPRequest{Body: new("{{ body }}")}), "request.body: {{ }} calls body, which is not known there: it may stand in query and headers"},
		"query in the query":             {nil, template(HTTPRequest{Query: map[string]string{"q": "{{ query }}"}}), "request.query.q: {{ }} calls query, which is not known there: it may stand in headers"},
		"path in the URL":                {nil, template(HTTPRequest{URL: "https://erp.example/{{ path }}"}), "request.url: {{ }} calls path, which is not known there: it may stand everywhere but in the url"},
		"many things at once":            {[]Step{{}}, template(HTTPRequest{Form: map[string]string{"a": "{{", "b c": "{{"}, JSON: map[string]any{"l": []any{"{{ x }}"}}}), "steps[0].request: missing\nrequest.form.a: " + errSyntax.Error() + "\nrequest.form: " + errSyntax.Error() + "\nrequest.json.l[0]: " + errNoFunction.Error()},
		"a document without a letter":    {nil, template(HTTPRequest{JSON: []any{[]any{"${gone}"}}}), "request.json: ${gone}: not set"},
	} {
		t.Run(name, func(t *testing.T) {
			l := loginTo(t, "https://erp.example", Response{Token: "t"})
			l.Steps, l.Request = c.steps, c.last
			p, err := NewLogin(l)
			if err == nil || err.Error() != c.want || p != nil {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestATokenIsInOnePlace(t *testing.T) {
	for _, r := range []Response{{Token: "t", TokenHeader: "X"}, {TokenCookie: "c", TokenText: true}} {
		_, err := NewLogin(loginTo(t, "https://erp.example", r))
		if err == nil || err.Error() != "response: has more than one of token, token_header, token_cookie and token_text" {
			t.Errorf("got %v", err)
		}
	}
}
