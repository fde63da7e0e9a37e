package provider

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"tokend/messages"
)

var errGone = errors.New("file is gone")

// requesting returns what returns r.
func requesting(r HTTPRequest) func() (HTTPRequest, error) {
	return func() (HTTPRequest, error) { return r, nil }
}

// seen is a request as it arrived.
type seen struct {
	method, target, cookie, body string
	header                       http.Header
}

// answering answers with handlers, one a request, and tells what arrived.
func answering(t *testing.T, handlers ...http.HandlerFunc) (url string, arrived <-chan seen) {
	t.Helper()
	got := make(chan seen, len(handlers))
	n := 0
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || n == len(handlers) {
			t.Errorf("request %d: %v", n, err)
			return
		}
		got <- seen{r.Method, r.URL.RequestURI(), strings.Join(r.Header["Cookie"], "|"), string(body), r.Header}
		n++
		handlers[n-1](w, r)
	})
	return server.URL, got
}

// stepped returns a login of one step and a last request, both to url.
func stepped(t *testing.T, url string, step Step, last HTTPRequest) Login {
	t.Helper()
	l := loginTo(t, url, Response{Token: "t", Error: "msg"})
	if step.Request == nil {
		step.Request = requesting(HTTPRequest{Method: "GET", URL: url + "/first"})
	}
	last.URL = url + "/last" + last.URL
	l.Steps, l.Request = []Step{step}, requesting(last)
	return l
}

func TestWhatAStepCapturesIsSentLater(t *testing.T) {
	first := says(200, `{"data":{"id":12345678901234567890,"on":true,"text":"a b"}}`, "X-Ticket", "t-1", "Set-Cookie", "sid=s-1; Path=/elsewhere")
	url, arrived := answering(t, first, says(200, `{"t":"at"}`))
	l := stepped(t, url, Step{Capture: map[string]Capture{
		"id": {Path: "data.id"}, "on": {Path: "data.on"}, "text": {Path: "data.text"}, "ticket": {Header: "x-ticket"}, "sid": {Cookie: "sid"},
	}}, HTTPRequest{
		Template: refs, URL: "/{{ .text | url_escape }}?on={{ .on }}", Headers: map[string]string{"X-Ticket": "{{ .ticket }}/{{ .sid }}"},
		JSON: map[string]any{"id": "{{ .id }}", "key": "${key}", "n": 1.5},
	})
	acquire(t, mustLogin(t, l))
	if one := <-arrived; one.method != "GET" || one.target != "/first" || one.cookie != "" {
		t.Errorf("first %+v", one)
	}
	two := <-arrived
	if two.target != "/last/a%20b?on=true" || two.header.Get("X-Ticket") != "t-1/s-1" || two.body != `{"id":"12345678901234567890","key":"open sesame","n":1.5}` {
		t.Errorf("then %+v", two)
	}
}

func TestStepsFail(t *testing.T) {
	const rejected, malformed, transient, throttled = messages.ClassRejected, messages.ClassMalformed, messages.ClassTransient, messages.ClassThrottled
	capture := map[string]Capture{"c": {Path: "c"}}
	good := `{"c":"x","code":0}`
	for name, c := range map[string]struct {
		step        Step
		answers     []http.HandlerFunc
		class, text string
	}{
		"401":                       {Step{}, []http.HandlerFunc{says(401, "")}, rejected, "step 1 of 2: 401 unauthorized"},
		"401 and a reason":          {Step{Error: "msg"}, []http.HandlerFunc{says(401, `{"msg":"no"}`)}, rejected, "step 1 of 2: 401 unauthorized: no"},
		"500":                       {Step{}, []http.HandlerFunc{says(500, "")}, transient, "step 1 of 2: 500 internal server error"},
		"429":                       {Step{}, []http.HandlerFunc{says(429, "")}, throttled, "step 1 of 2: 429 too many requests"},
		"a redirect":                {Step{}, []http.HandlerFunc{says(302, "", "Location", "https://other.example/x?a=b")}, transient, "step 1 of 2: 302: redirect to https://other.example/x refused: set request.url to the final address"},
		"rejected":                  {Step{Rejected: &Predicate{"code", "==", 7}, Error: "msg"}, []http.HandlerFunc{says(200, `{"code":7,"msg":"locked"}`)}, rejected, "step 1 of 2: locked"},
		"no success":                {Step{Success: &Predicate{"code", "==", 0}}, []http.HandlerFunc{says(200, `{"code":1}`)}, malformed, "step 1 of 2: response.success does not hold"},
		"no JSON":                   {Step{Capture: capture}, []http.HandlerFunc{says(200, "<p>")}, malformed, "step 1 of 2: answer is HTML or XML, not JSON: is request.url right?"},
		"too much":                  {Step{Capture: capture}, []http.HandlerFunc{says(200, strings.Repeat(" ", maxBody+1))}, malformed, "step 1 of 2: answer is larger than 1048576 bytes"},
		"nothing to capture":        {Step{Capture: capture, Error: "msg"}, []http.HandlerFunc{says(200, `{"msg":"later"}`)}, rejected, "step 1 of 2: capture.c is missing: later"},
		"null to capture":           {Step{Capture: capture}, []http.HandlerFunc{says(200, `{"c":null}`)}, malformed, "step 1 of 2: capture.c is missing"},
		"an object to capture":      {Step{Capture: capture}, []http.HandlerFunc{says(200, `{"c":{}}`)}, malformed, "step 1 of 2: capture.c is not a single value"},
		"a long value":              {Step{Capture: capture}, []http.HandlerFunc{says(200, `{"c":"`+strings.Repeat("a", maxToken+1)+`"}`)}, malformed, "step 1 of 2: capture.c is longer than 65536 bytes"},
		"no header to capture":      {Step{Capture: map[string]Capture{"c": {Header: "X"}}}, []http.HandlerFunc{says(204, "")}, malformed, "step 1 of 2: capture.c is missing"},
		"no cookie to capture":      {Step{Capture: map[string]Capture{"c": {Cookie: "X"}}}, []http.HandlerFunc{says(204, "", "Set-Cookie", "x=1")}, malformed, "step 1 of 2: capture.c is missing"},
		"the last: 401":             {Step{Capture: capture}, []http.HandlerFunc{says(200, good), says(401, "")}, rejected, "step 2 of 2: 401 unauthorized"},
		"the last: no token":        {Step{Capture: capture}, []http.HandlerFunc{says(200, good), says(200, `{"msg":"no"}`)}, rejected, "step 2 of 2: response.token is missing: no"},
		"a step that cannot be had": {Step{Request: failsLater("https://erp.example")}, nil, transient, "step 1 of 2: request: file is gone"},
		"a connection that breaks":  {Step{}, []http.HandlerFunc{hijack(t, "", false)}, transient, "step 1 of 2: connection closed by ADDRESS before the answer was complete"},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := answering(t, c.answers...)
			p := mustLogin(t, stepped(t, url, c.step, HTTPRequest{}))
			wantFailure(t, failure(t, p), c.class, strings.ReplaceAll(c.text, "ADDRESS", p.(Hosted).Host()))
		})
	}
}

// failsLater returns a request that can be had once.
func failsLater(url string) func() (HTTPRequest, error) {
	first := true
	return func() (HTTPRequest, error) {
		if first {
			first = false
			return HTTPRequest{URL: url}, nil
		}
		return HTTPRequest{}, errGone
	}
}

func TestStepsShareTheTimeOfAnAcquisition(t *testing.T) {
	ctx := newExpiring(t)
	url, _ := answering(t, says(200, "{}"), func(_ http.ResponseWriter, r *http.Request) {
		ctx.expire()
		<-r.Context().Done()
	})
	got := failureIn(ctx, t, mustLogin(t, stepped(t, url, Step{}, HTTPRequest{})))
	if !got.TimedOut || got.Class != messages.ClassTransient || !strings.HasPrefix(got.Text, "step 2 of 2: ") {
		t.Errorf("%+v", got)
	}
}

func TestCookiesLastForOneAcquisition(t *testing.T) {
	set := says(200, "{}", "Set-Cookie", "sid=s-1; Path=/; HttpOnly")
	url, arrived := answering(t, set, says(200, `{"t":"at"}`, "Set-Cookie", "late=1"), set, says(200, `{"t":"at"}`))
	p := mustLogin(t, stepped(t, url, Step{}, HTTPRequest{Headers: map[string]string{"Cookie": "lang=en"}}))
	for range 2 {
		acquire(t, p)
		if one, two := <-arrived, <-arrived; one.cookie != "" || two.cookie != "lang=en; sid=s-1" {
			t.Errorf("sent %q, then %q", one.cookie, two.cookie)
		}
	}
}

func TestCookiesThatAreNotSent(t *testing.T) {
	for name, header := range map[string]string{
		"of another path":     "sid=s-1; Path=/other",
		"of another domain":   "sid=s-1; Domain=example.com",
		"that have ended":     "sid=s-1; Max-Age=0",
		"the request's own":   "lang=de; Path=/",
		"that are not proper": "=x",
	} {
		t.Run(name, func(t *testing.T) {
			url, arrived := answering(t, says(200, "{}", "Set-Cookie", header), says(200, `{"t":"at"}`))
			acquire(t, mustLogin(t, stepped(t, url, Step{}, HTTPRequest{Headers: map[string]string{"Cookie": "lang=en"}})))
			<-arrived
			if two := <-arrived; two.cookie != "lang=en" {
				t.Errorf("sent %q", two.cookie)
			}
		})
	}
}

func TestCookiesStayWithTheirOrigin(t *testing.T) {
	first, one := answering(t, says(200, "{}", "Set-Cookie", "sid=s-1; Path=/"))
	last, two := answering(t, says(200, `{"t":"at"}`)) // the same host, another port
	acquire(t, mustLogin(t, stepped(t, last, Step{Request: requesting(HTTPRequest{URL: first})}, HTTPRequest{})))
	<-one
	if got := <-two; got.cookie != "" {
		t.Errorf("sent %q", got.cookie)
	}
}

func TestManyCookiesAreCut(t *testing.T) {
	url, arrived := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := range maxCookies + 10 {
			http.SetCookie(w, &http.Cookie{Name: "c" + string(rune('a'+i%26)) + string(rune('a'+i/26)), Value: "v", Path: "/"})
		}
		_, _ = io.WriteString(w, "{}")
	}, says(200, `{"t":"at"}`))
	acquire(t, mustLogin(t, stepped(t, url, Step{}, HTTPRequest{})))
	<-arrived
	if n := strings.Count((<-arrived).cookie, "=v"); n != maxCookies {
		t.Errorf("%d cookies", n)
	}
}

func TestALoginOfOneRequestKeepsNoCookies(t *testing.T) {
	url, arrived := answering(t, says(200, `{"t":"at"}`, "Set-Cookie", "sid=1"), says(200, `{"t":"at"}`))
	p := mustLogin(t, loginTo(t, url, Response{Token: "t"}))
	acquire(t, p)
	acquire(t, p)
	<-arrived
	if got := <-arrived; got.cookie != "" {
		t.Errorf("sent %q", got.cookie)
	}
}

func TestPartsOfARequestAreSignedAsTheyAreSent(t *testing.T) {
	url, arrived := answering(t, says(200, `{"t":"at"}`))
	l := loginTo(t, url, Response{Token: "t"})
	l.Now = func() time.Time { return signTime }
	l.Request = requesting(HTTPRequest{
		Template: refs, Method: "PUT", URL: url + "/a%20b?z=1",
		Query:   map[string]string{"b": "x y", "ts": "{{ timestamp }}", "sig": "{{ concat method path params body | sha256 | hex }}"},
		JSON:    map[string]any{"n": 7, "s": "{{ timestamp }}", "o": map[string]any{"x": 1}, "list": []any{"{{ method }}", nil, true}, "sum": `{{ params "" "" }}`},
		Headers: map[string]string{"X-Sig": "{{ concat host path query body }}"},
	})
	p := mustLogin(t, l)
	acquire(t, p)
	got := <-arrived
	body := `{"list":["PUT",null,true],"n":7,"o":{"x":1},"s":"1772366400","sum":"bx yn7s1772366400ts1772366400"}`
	signed := rendered(t, `{{ concat "PUT/a%20bb=x y&n=7&s=1772366400&ts=1772366400" body | sha256 | hex }}`, &scope{resolve: refs, made: requestParts{body: body}})
	query := "b=x+y&sig=" + signed + "&ts=1772366400&z=1"
	if got.body != body || got.target != "/a%20b?"+query || got.header.Get("X-Sig") != p.(Hosted).Host()+"/a%20b"+query+body {
		t.Errorf("got %+v", got)
	}
}

func TestATemplateOfAFormAndOfABody(t *testing.T) {
	text := "<a>{{ nonce }}</a>"
	for name, r := range map[string]HTTPRequest{
		"a form": {Form: map[string]string{"a": "{{ nonce }}", "sign": "{{ params }}"}},
		"a body": {Body: &text},
	} {
		t.Run(name, func(t *testing.T) {
			url, arrived := answering(t, says(200, `{"t":"at"}`))
			r.URL, r.Template, r.Headers = url, refs, map[string]string{"X-Nonce": "{{ nonce }}", "X-Body": "{{ body }}"}
			l := loginTo(t, url, Response{Token: "t"})
			l.Request = requesting(r)
			acquire(t, mustLogin(t, l))
			got := <-arrived
			want := strings.NewReplacer("NONCE", got.header.Get("X-Nonce")).Replace(map[string]string{
				"a form": "a=NONCE&sign=a%3DNONCE", "a body": "<a>NONCE</a>",
			}[name])
			if got.body != want || got.header.Get("X-Body") != want {
				t.Errorf("got %s and %s, want %s", got.body, got.header.Get("X-Body"), want)
			}
		})
	}
}

func TestWithoutTemplateNothingIsOne(t *testing.T) {
	url, arrived := answering(t, says(200, `{"t":"at"}`))
	l := loginTo(t, url, Response{Token: "t"})
	l.Request = requesting(HTTPRequest{URL: url, JSON: map[string]any{"a": "{{ nonce }}${key}"}})
	acquire(t, mustLogin(t, l))
	if got := <-arrived; got.body != `{"a":"{{ nonce }}${key}"}` {
		t.Errorf("got %s", got.body)
	}
}

func TestRequestsThatTemplatesSpoil(t *testing.T) {
	for name, c := range map[string]struct {
		captured string
		last     HTTPRequest
		want     string
	}{
		"a header with a line end": {"a\nb: c", HTTPRequest{Headers: map[string]string{"X": "{{ .c }}"}}, "step 2 of 2: request.headers: a name or value holds characters that no header may carry"},
		"a key that is none":       {"x", HTTPRequest{Headers: map[string]string{"X": "{{ rsa_sha256 .c nonce | hex }}"}}, "step 2 of 2: request.headers.X: {{ }} signs with a key that is neither a private key in PEM form nor a JWK"},
		"an empty key":             {"=", HTTPRequest{Headers: map[string]string{"X": "{{ hmac_sha256 (base64_decode .c) nonce | hex }}"}}, "step 2 of 2: request.headers.X: {{ }} signs with an empty key"},
		"an offset that is none":   {"x", HTTPRequest{Headers: map[string]string{"X": `{{ time "date" .c }}`}}, "step 2 of 2: request.headers.X: " + errOffset.Error()},
		"a form":                   {"?", HTTPRequest{Form: map[string]string{"a": "{{ hex_decode .c | hex }}"}}, "step 2 of 2: request.form.a: {{ }} decodes what is no hex"},
		"a form that is signed":    {"?", HTTPRequest{Form: map[string]string{"a": "{{ concat params (hex_decode .c | hex) }}"}}, "step 2 of 2: request.form.a: {{ }} decodes what is no hex"},
		"a query that is signed":   {"?", HTTPRequest{Query: map[string]string{"a": "{{ concat params (hex_decode .c | hex) }}"}}, "step 2 of 2: request.query.a: {{ }} decodes what is no hex"},
		"a body":                   {"?", HTTPRequest{Body: new("{{ hex_decode .c | hex }}")}, "step 2 of 2: request.body: {{ }} decodes what is no hex"},
		"a path":                   {"?", HTTPRequest{URL: "/{{ hex_decode .c | hex }}"}, "step 2 of 2: request.url: {{ }} decodes what is no hex"},
		"a key with a fixed text":  {"x", HTTPRequest{Headers: map[string]string{"X": `{{ rsa_sha256 .c "a" | hex }}`}}, "step 2 of 2: request.headers.X: {{ }} signs with a key that is neither a private key in PEM form nor a JWK"},
		"two bodies":               {"x", HTTPRequest{Body: new("a"), JSON: "{{ .c }}"}, "step 2 of 2: request: more than one of json, form and body"},
		"what is no base64":        {"?", HTTPRequest{JSON: []any{map[string]any{"a": "{{ base64_decode .c | hex }}"}}}, "step 2 of 2: request.json[0].a: {{ }} decodes what is no base64"},
		"what is no hex":           {"?", HTTPRequest{JSON: []any{"{{ concat path (hex_decode .c | hex) }}"}}, "step 2 of 2: request.json[0]: {{ }} decodes what is no hex"},
		"too much":                 {strings.Repeat("a", maxToken), HTTPRequest{Query: map[string]string{"a": strings.Repeat("{{ .c }}", 17)}}, "step 2 of 2: request.query.a: {{ }} comes to too much"},
	} {
		t.Run(name, func(t *testing.T) {
			body, _ := json.Marshal(map[string]string{"c": c.captured})
			url, _ := answering(t, says(200, string(body)))
			c.last.Template = refs
			p := mustLogin(t, stepped(t, url, Step{Capture: map[string]Capture{"c": {Path: "c"}}}, c.last))
			wantFailure(t, failure(t, p), messages.ClassTransient, c.want)
		})
	}
}

func TestAReferenceThatIsGoneLater(t *testing.T) {
	l := loginTo(t, "https://erp.example", Response{Token: "t"})
	first := true
	l.Request = requesting(HTTPRequest{URL: "https://erp.example/", Body: new("${x}"), Template: func(text string) (Text, error) {
		if text == "${x}" && !first {
			return Text{}, errGone
		}
		return refs(text)
	}})
	p := mustLogin(t, l)
	first = false
	wantFailure(t, failure(t, p), messages.ClassTransient, "request.body: file is gone")
}

func TestAHostIsSentAsItIsWritten(t *testing.T) {
	got := make(chan string, 1)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Host
		says(200, `{"t":"at"}`)(w, r)
	})
	l := loginTo(t, server.URL, Response{Token: "t"})
	l.Request = requesting(HTTPRequest{URL: server.URL, Template: refs, Headers: map[string]string{"Host": `{{ lower "ERP" }}.example`}})
	acquire(t, mustLogin(t, l))
	if host := <-got; host != "erp.example" {
		t.Errorf("sent to %s", host)
	}
}

func TestARequestThatIsNoTemplateLater(t *testing.T) {
	for name, c := range map[string]struct{ later, want string }{
		"a call that is none": {"https://erp.example/{{ canary }}", "request.url: " + errNoFunction.Error()},
		"nothing":             {"", "request.url: " + errFreeHost.Error()},
		"a host that is free": {"https://erp.example{{ nonce }}", "request.url: " + errFreeHost.Error()},
		"http":                {"http://erp.example/{{ nonce }}", "request.url: http:// would send secrets in the clear: use https://, or set allow_http"},
	} {
		t.Run(name, func(t *testing.T) {
			l := loginTo(t, "https://erp.example", Response{Token: "t"})
			r := HTTPRequest{URL: "https://erp.example/", Template: refs}
			l.Request = func() (HTTPRequest, error) { return r, nil }
			p := mustLogin(t, l)
			r.URL = c.later
			if got := failure(t, p); got.Class != messages.ClassTransient || got.Text != printable(c.want, maxText) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAcquisitionsOfALoginKnowNothingOfEachOther(t *testing.T) {
	url, arrived := answering(t, says(200, `{"c":"1"}`), says(200, `{"t":"at"}`), says(200, `{}`))
	l := stepped(t, url, Step{Capture: map[string]Capture{"c": {Path: "c"}}}, HTTPRequest{Template: refs, Body: new("{{ .c }}")})
	p := mustLogin(t, l)
	acquire(t, p)
	_, err := Acquire(context.Background(), p, Request{})
	wantFailure(t, asError(t, err), messages.ClassMalformed, "step 1 of 2: capture.c is missing")
	<-arrived
	if two := <-arrived; two.body != "1" {
		t.Errorf("sent %s", two.body)
	}
}

func TestASessionThatBeganBeforeTheLogin(t *testing.T) {
	for name, c := range map[string]struct {
		first, last []string
		want        string
	}{
		"is the token":          {[]string{"Set-Cookie", "sid=old; Max-Age=60"}, nil, "old"},
		"unless there is a new": {[]string{"Set-Cookie", "sid=old"}, []string{"Set-Cookie", "sid=new"}, "new"},
		"or it has ended":       {[]string{"Set-Cookie", "sid=old"}, []string{"Set-Cookie", "sid=; Max-Age=0"}, ""},
		"or there was none":     {nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := answering(t, says(200, "", c.first...), says(200, "", c.last...))
			l := stepped(t, url, Step{}, HTTPRequest{})
			l.Response = Response{TokenCookie: "sid"}
			if c.want == "" {
				wantFailure(t, failure(t, mustLogin(t, l)), messages.ClassMalformed, "step 2 of 2: response.token_cookie is missing")
				return
			}
			if got := acquire(t, mustLogin(t, l)); got.AccessToken.Reveal() != c.want || c.want == "old" && got.Lifetime != time.Minute {
				t.Errorf("lives for %s", got.Lifetime)
			}
		})
	}
}

func TestASessionElsewhereIsNoToken(t *testing.T) {
	first, _ := answering(t, says(200, "", "Set-Cookie", "sid=old; Path=/"))
	last, _ := answering(t, says(200, ""))
	l := stepped(t, last, Step{Request: requesting(HTTPRequest{URL: first})}, HTTPRequest{})
	l.Response = Response{TokenCookie: "sid"}
	wantFailure(t, failure(t, mustLogin(t, l)), messages.ClassMalformed, "step 2 of 2: response.token_cookie is missing")
}
