package provider

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"tokend/messages"
)

func TestLoginRequest(t *testing.T) {
	raw := `<login user="probe"/>`
	cases := map[string]struct {
		req  HTTPRequest
		want string // method, path and query, content type, body
	}{
		"JSON":           {HTTPRequest{JSON: map[string]any{"user": "probe", "n": 1, "ok": true, "l": []any{"a", nil, 1.5}}}, `POST /login application/json {"l":["a",null,1.5],"n":1,"ok":true,"user":"probe"}`},
		"a form":         {HTTPRequest{Form: map[string]string{"user": "probe", "password": "a b&c"}}, "POST /login application/x-www-form-urlencoded password=a+b%26c&user=probe"},
		"a body":         {HTTPRequest{Method: "PUT", Body: &raw, Headers: map[string]string{"content-type": "text/xml"}}, "PUT /login text/xml " + raw},
		"no body":        {HTTPRequest{Method: "GET"}, "GET /login  "},
		"a query":        {HTTPRequest{Query: map[string]string{"a": "b c"}}, "POST /login?a=b+c  "},
		"another accept": {HTTPRequest{Headers: map[string]string{"Accept": "text/json", "Host": "erp.example"}}, "POST /login   for erp.example text/json"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 1)
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				text := strings.Join([]string{r.Method, r.URL.String(), r.Header.Get("Content-Type"), string(body)}, " ")
				if accept := r.Header.Get("Accept"); accept != "application/json" {
					text += " for " + r.Host + " " + accept
				}
				got <- text
				says(200, `{"t":"at"}`)(w, r)
			})
			l := loginTo(t, server.URL, Response{Token: "t"})
			c.req.URL = server.URL + "/login"
			l.Request = func() (HTTPRequest, error) { return c.req, nil }
			acquire(t, mustLogin(t, l))
			if text := <-got; text != c.want {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
		})
	}
}

func TestAURLsOwnQueryStaysAsItIsWritten(t *testing.T) {
	got := make(chan string, 2)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.URL.RawQuery
		says(200, `{"t":"at"}`)(w, r)
	})
	l := loginTo(t, server.URL, Response{Token: "t"})
	req := HTTPRequest{URL: server.URL + "?b=%20&a"}
	l.Request = func() (HTTPRequest, error) { return req, nil }
	p := mustLogin(t, l)
	acquire(t, p)
	req.Query = map[string]string{"c": "d"}
	acquire(t, p)
	if first, second := <-got, <-got; first != "b=%20&a" || second != "a=&b=+&c=d" {
		t.Errorf("got %s and %s", first, second)
	}
}

func TestLoginRequestsThatCannotBeSent(t *testing.T) {
	text := "canary"
	cases := map[string]struct {
		req  HTTPRequest
		err  error
		want string
	}{
		"no request to be had":       {HTTPRequest{}, errors.New("file is gone"), "request: file is gone"},
		"a URL that has become http": {HTTPRequest{URL: "http://erp.example/canary"}, nil, "request.url: http:// would send secrets in the clear: use https://, or set allow_http"},
		"a URL that has become none": {HTTPRequest{URL: "://canary"}, nil, "request.url: not a URL"},
		"a method of two words":      {HTTPRequest{URL: "https://erp.example", Method: "canary canary"}, nil, "request.method, request.url: no request can be made of them"},
		"a header with a line end":   {HTTPRequest{URL: "https://erp.example", Headers: map[string]string{"X": "canary\r\nY: z"}}, nil, "request.headers: a name or value holds characters that no header may carry"},
		"a header without a name":    {HTTPRequest{URL: "https://erp.example", Headers: map[string]string{"": "canary"}}, nil, "request.headers: a name or value holds characters that no header may carry"},
		"two bodies":                 {HTTPRequest{URL: "https://erp.example", JSON: "canary", Body: &text}, nil, "request: more than one of json, form and body"},
		"a secret that stays one":    {HTTPRequest{URL: "https://erp.example", JSON: map[string]any{"a": []any{messages.NewSecret("canary")}}}, nil, "request.json: holds a messages.Secret"},
		"a number that is none":      {HTTPRequest{URL: "https://erp.example", JSON: inf()}, nil, "request.json: cannot be written as JSON"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := loginTo(t, "https://erp.example", Response{Token: "t"})
			first := true
			l.Request = func() (HTTPRequest, error) {
				if first {
					first = false
					return HTTPRequest{URL: "https://erp.example"}, nil
				}
				return c.req, c.err
			}
			wantFailure(t, failure(t, mustLogin(t, l)), messages.ClassTransient, c.want)
		})
	}
}

func inf() float64 {
	zero := 0.0
	return 1 / zero
}

func TestLoginsThatCannotWork(t *testing.T) {
	cases := map[string]struct {
		change func(*Login)
		want   string
	}{
		"no transports":        {func(l *Login) { l.Transports = nil }, "transports are missing"},
		"no request":           {func(l *Login) { l.Request = nil }, "request: missing"},
		"no request to be had": {func(l *Login) { l.Request = func() (HTTPRequest, error) { return HTTPRequest{}, io.EOF } }, "request: EOF"},
		"no URL":               {func(l *Login) { l.Request = func() (HTTPRequest, error) { return HTTPRequest{}, nil } }, "request.url: missing"},
		"no token":             {func(l *Login) { l.Response.Token = "" }, "response.token: missing"},
		"http:// beyond loopback": {func(l *Login) {
			l.Request = func() (HTTPRequest, error) { return HTTPRequest{URL: "http://canary.example"}, nil }
		}, "request.url: http:// would send secrets in the clear: use https://, or set allow_http"},
		"a predicate of no kind": {func(l *Login) { l.Response.Success = &Predicate{} }, "response.success: path is missing"},
		"another one":            {func(l *Login) { l.Response.Rejected = &Predicate{"a", "?", 1} }, `response.rejected: operator "?" is none of == != < <= > >=`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := loginTo(t, "https://erp.example", Response{Token: "t"})
			c.change(&l)
			p, err := NewLogin(l)
			if err == nil || err.Error() != c.want || p != nil {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestALoginsHostIsThatOfItsFirstURL(t *testing.T) {
	p := mustLogin(t, loginTo(t, "https://ERP.example/api/login?key=canary", Response{Token: "t"}))
	if got := p.(Hosted).Host(); got != "erp.example:443" {
		t.Errorf("got %s", got)
	}
}
