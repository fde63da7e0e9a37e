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

var everything = Response{
	Token: "data.token", TokenType: "data.type", ExpiresIn: "data.expire", ExpiresInMS: "data.ms", ExpiresAt: "data.until",
	RefreshToken: "data.refresh", Scope: "data.scope", Error: "msg",
	Success: &Predicate{"code", "==", 0}, Rejected: &Predicate{"code", "==", 7},
}

func TestLoginResponsesThatWork(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		data string
		want Result
	}{
		"the token alone":           {`"token":"at"`, Result{}},
		"seconds":                   {`"token":"at","expire":60`, Result{Lifetime: time.Minute}},
		"milliseconds":              {`"token":"at","ms":"60000"`, Result{Lifetime: time.Minute}},
		"the shorter: seconds":      {`"token":"at","expire":30,"ms":60000`, Result{Lifetime: 30 * time.Second}},
		"the shorter: milliseconds": {`"token":"at","expire":90,"ms":60000`, Result{Lifetime: time.Minute}},
		"RFC 3339":                  {`"token":"at","until":"2026-03-01T12:00:00Z"`, Result{ExpiresAt: at}},
		"epoch seconds":             {`"token":"at","until":1772366400`, Result{ExpiresAt: at}},
		"epoch milliseconds":        {`"token":"at","until":"1772366400000"`, Result{ExpiresAt: at}},
		"type and scopes":           {`"token":"at","type":"bearer","scope":["a","b"]`, Result{Scopes: []string{"a", "b"}}},
		"a refresh token":           {`"token":"at","refresh":"rt"`, Result{State: NewState([]byte("rt"))}},
		"absent is null":            {`"token":"at","type":null,"expire":null,"ms":null,"until":null,"refresh":null,"scope":null`, Result{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := serve(t, says(201, `{"code":0,"data":{`+c.data+`}}`, "Date", "Sun, 01 Mar 2026 12:00:00 GMT"))
			got := acquire(t, mustLogin(t, loginTo(t, server.URL, everything)))
			c.want.AccessToken, c.want.Type, c.want.Date = messages.NewSecret("at"), "Bearer", at
			if diff := cmp.Diff(c.want, got, cmp.Transformer("reveal", messages.Secret.Reveal), cmp.AllowUnexported(State{}), cmpopts.IgnoreUnexported(Result{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoginResponsesThatFail(t *testing.T) {
	const rejected, malformed, transient, throttled = messages.ClassRejected, messages.ClassMalformed, messages.ClassTransient, messages.ClassThrottled
	cases := map[string]struct {
		status      int
		body        string
		class, text string
	}{
		"no success":                      {200, `{"code":1,"msg":"try later","data":{"token":"at"}}`, malformed, "response.success does not hold: try later"},
		"no success and no reason":        {200, `{"code":1}`, malformed, "response.success does not hold"},
		"no code at all":                  {200, `{"data":{"token":"at"}}`, malformed, "response.success does not hold"},
		"a reason that is an object":      {200, `{"code":1,"msg":{"a":"b"}}`, malformed, "response.success does not hold"},
		"a reason that is a number":       {200, `{"code":1,"msg":42}`, malformed, "response.success does not hold: 42"},
		"rejected":                        {200, `{"code":7,"msg":"no such user"}`, rejected, "no such user"},
		"rejected with an OAuth error":    {200, `{"code":7,"error":"invalid_grant","msg":"no such user"}`, rejected, "invalid_grant: no such user"},
		"rejected by an OAuth error":      {201, `{"code":7,"error":"invalid_grant"}`, rejected, "invalid_grant"},
		"rejected without a reason":       {200, `{"code":7}`, rejected, "response.rejected holds"},
		"rejected with another status":    {500, `{"code":7,"msg":"no such user"}`, rejected, "500 internal server error: no such user"},
		"rejected and throttled":          {429, `{"code":7}`, rejected, "429 too many requests"},
		"401":                             {401, `{"code":1,"msg":"no"}`, transient, "401 unauthorized: no"},
		"403 without JSON":                {403, `no`, transient, "403 forbidden"},
		"400 of its own kind":             {400, `{"msg":"bad date"}`, transient, "400 bad request: bad date"},
		"400 with an OAuth error":         {400, `{"error":"invalid_grant","msg":"invalid_grant"}`, transient, "400 invalid_grant"},
		"404":                             {404, ``, transient, "404: is request.url right?"},
		"429":                             {429, `{}`, throttled, "429 too many requests"},
		"503":                             {503, `<html>`, transient, "503 service unavailable"},
		"HTML":                            {200, `<html>`, malformed, "answer is HTML or XML, not JSON: is request.url right?"},
		"not JSON":                        {200, `at`, malformed, "answer is not JSON: is request.url right?"},
		"nothing":                         {204, ``, malformed, "answer is empty"},
		"no token":                        {200, `{"code":0,"data":{}}`, malformed, "response.token is missing"},
		"no token, but a reason":          {200, `{"code":0,"msg":"locked"}`, malformed, "response.token is missing: locked"},
		"an empty token":                  {200, `{"code":0,"data":{"token":""}}`, malformed, "response.token is missing"},
		"a token that is a number":        {200, `{"code":0,"data":{"token":1}}`, malformed, "response.token is not a text"},
		"a token that is an object":       {200, `{"code":0,"data":{"token":{"a":"b"}}}`, malformed, "response.token is not a text"},
		"a type that is a number":         {200, `{"code":0,"data":{"token":"at","type":1}}`, malformed, "response.token_type is not a text"},
		"no lifetime left":                {200, `{"code":0,"data":{"token":"at","expire":0}}`, malformed, "response.expires_in is not positive"},
		"milliseconds that are no number": {200, `{"code":0,"data":{"token":"at","ms":"x"}}`, malformed, "response.expires_in_ms is not a number"},
		"a time that is none":             {200, `{"code":0,"data":{"token":"at","until":"x"}}`, malformed, "response.expires_at is neither RFC 3339 nor a number since 1970"},
		"a refresh token that is none":    {200, `{"code":0,"data":{"token":"at","refresh":1}}`, malformed, "response.refresh_token is not a text"},
		"scopes that are none":            {200, `{"code":0,"data":{"token":"at","scope":1}}`, malformed, "response.scope is neither a text nor a list of texts"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := serve(t, says(c.status, c.body))
			wantFailure(t, failure(t, mustLogin(t, loginTo(t, server.URL, everything))), c.class, c.text)
		})
	}
}

func TestALoginWithoutAPathToErrorsShowsThoseOfOAuth(t *testing.T) {
	server := serve(t, says(400, `{"error":"invalid_client","error_description":"unknown"}`))
	got := failure(t, mustLogin(t, loginTo(t, server.URL, Response{Token: "t"})))
	wantFailure(t, got, messages.ClassRejected, "400 invalid_client: unknown")
}

func TestALoginThatIsRedirected(t *testing.T) {
	server := serve(t, says(308, "", "Location", "/v2/login?key=canary"))
	got := failure(t, mustLogin(t, loginTo(t, server.URL+"/login", Response{Token: "t"})))
	wantFailure(t, got, messages.ClassTransient, "308: redirect to "+server.URL+"/v2/login refused: set request.url to the final address")
}

func FuzzLoginResponse(f *testing.F) {
	f.Add(200, `{"code":0,"data":{"token":"at","expire":60,"until":1772366400,"refresh":"rt","scope":["a"]}}`)
	f.Add(200, `{"code":7,"msg":"hunter22 is wrong"}`)
	f.Add(500, `{"code":1,"msg":"\u0068unter22"}`)
	f.Add(400, `{"error":"hunter22"}`)
	f.Add(200, `[]`)
	f.Add(200, `{"code":0,"data":{"token":"at","expire":1e400,"ms":"1e-400","until":"0001-01-01T00:00:00Z"}}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		a := &answer{url: &url.URL{Scheme: "https", Host: "erp.example"}, status: status, header: http.Header{}, received: time.Now()}
		if err := a.read(strings.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		res, err := a.loginResult(&everything, func() *secrets {
			var s secrets
			s.add("hunter22")
			return &s
		})
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
