package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tokend/messages"
)

func TestAnswersAreToTheLetter(t *testing.T) {
	tests := map[string]struct {
		method, target, body string
		status               int
		want                 string
	}{
		"a token": {
			target: "/v1/token/billing", status: 200,
			want: `{"access_token":"` + secretValue + `","token_type":"Bearer","expires_in":90,"expires_at":"2026-03-01T12:01:30.999Z","service":"billing","state":"fresh","generation":7,"fingerprint":"0123456789ab","scope":"read write"}`,
		},
		"a token without expiry and scopes has no such fields": {
			target: "/v1/token/forever?min_ttl=30s&wait=5s", status: 200,
			want: `{"access_token":"` + secretValue + `","token_type":"Bearer","service":"forever","state":"fresh","generation":7,"fingerprint":"0123456789ab"}`,
		},
		"the info of a service": {
			target: "/v1/services/billing", status: 200,
			want: `{"service":"billing","provider":"login","state":"degraded","created_at":"2026-03-01T12:00:00Z","expires_at":"2026-03-01T13:00:00Z","refresh_at":"2026-03-01T12:45:00Z","warn_at":"2026-03-01T12:55:00Z","refresh_threshold":"15m0s","token_type":"Bearer","scopes":["read"],"scopes_missing":["write"],"generation":2,"fingerprint":"0123456789ab","required":true,"eager":true,"last_error":{"class":"transient","text":"refused","at":"2026-03-01T12:00:00Z","attempts":3,"next_try":"2026-03-01T12:01:00Z"},"counters":{"hits":1,"misses":2,"refreshes":3,"failures":4}}`,
		},
		"all services, one without a token": {
			target: "/v1/services", status: 200,
			want: `{"services":[{"service":"billing","provider":"static","state":"empty","generation":0,"required":false,"eager":false,"counters":{"hits":0,"misses":0,"refreshes":0,"failures":0}}]}`,
		},
		"an unknown service": {
			target: "/v1/token/nope", status: 404,
			want: `{"type":"about:blank","title":"Not Found","status":404,"detail":"nope: no service of that name is configured","code":"unknown_service","service":"nope"}`,
		},
		"a batch with one failure": {
			method: "POST", target: "/v1/tokens", body: `{"services":["nope","billing","nope"],"min_ttl":"30s"}`, status: 200,
			want: `{"tokens":{"billing":{"access_token":"` + secretValue + `","token_type":"Bearer","expires_in":90,"expires_at":"2026-03-01T12:01:30.999Z","service":"billing","state":"fresh","generation":7,"fingerprint":"0123456789ab","scope":"read write"}},"errors":{"nope":{"type":"about:blank","title":"Not Found","status":404,"detail":"nope: no service of that name is configured","code":"unknown_service","service":"nope"}}}`,
		},
		"health":    {target: "/healthz", status: 200, want: `{"status":"ok"}`},
		"readiness": {target: "/readyz", status: 200, want: `{"ready":true,"services":[]}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rec := call(t, newDoor(newFake()), orGet(tt.method), tt.target, tt.body)
			if rec.Code != tt.status || rec.Body.String() != tt.want {
				t.Errorf("got %d\n%s\nwant %d\n%s", rec.Code, rec.Body, tt.status, tt.want)
			}
		})
	}
}

// stoppingIf returns a channel that is closed if the node is to be stopping.
func stoppingIf(stopping bool) <-chan struct{} {
	c := make(chan struct{})
	if stopping {
		close(c)
	}
	return c
}

func orGet(method string) string {
	if method == "" {
		return http.MethodGet
	}
	return method
}

func TestRefusals(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat(`"a",`, maxNames+1), ",")
	tests := map[string]struct{ method, target, body, code string }{
		"unknown path":                           {"GET", "/", "", CodeNotFound},
		"unknown path below v1":                  {"GET", "/v1/nope", "", CodeNotFound},
		"no service in the path":                 {"GET", "/v1/token/", "", CodeNotFound},
		"trailing slash":                         {"GET", "/v1/token/billing/", "", CodeNotFound},
		"more path than a name":                  {"GET", "/v1/services/billing/x", "", CodeNotFound},
		"escaped slash":                          {"GET", "/v1/token/a%2Fbilling", "", CodeNotFound},
		"escaped letter":                         {"GET", "/v1/token/%62illing", "", CodeNotFound},
		"escaped route":                          {"GET", "/v1%2Ftoken/billing", "", CodeNotFound},
		"dot segments":                           {"GET", "/v1/token/x/../billing", "", CodeNotFound},
		"only dots":                              {"GET", "/v1/token/..", "", CodeNotFound},
		"double slash":                           {"GET", "//v1/token/billing", "", CodeNotFound},
		"upper case is another name":             {"GET", "/v1/token/Billing", "", CodeUnknownService},
		"space in a name":                        {"GET", "/v1/services/bil%20ling", "", CodeUnknownService},
		"name too long":                          {"GET", "/v1/token/" + strings.Repeat("a", 64), "", CodeUnknownService},
		"unknown parameter":                      {"GET", "/v1/token/billing?ttl=3s", "", CodeInvalidRequest},
		"repeated parameter":                     {"GET", "/v1/token/billing?wait=3s&wait=4s", "", CodeInvalidRequest},
		"number for a duration":                  {"GET", "/v1/token/billing?min_ttl=30", "", CodeInvalidRequest},
		"empty duration":                         {"GET", "/v1/token/billing?min_ttl=", "", CodeInvalidRequest},
		"negative min_ttl":                       {"GET", "/v1/token/billing?min_ttl=-1s", "", CodeInvalidRequest},
		"negative wait":                          {"GET", "/v1/token/billing?wait=-1s", "", CodeInvalidRequest},
		"wait too long":                          {"GET", "/v1/token/billing?wait=60.001s", "", CodeInvalidRequest},
		"query that is none":                     {"GET", "/v1/token/billing?%zz", "", CodeInvalidRequest},
		"semicolon in the query":                 {"GET", "/v1/token/billing?a;b", "", CodeInvalidRequest},
		"parameter where there is none":          {"GET", "/v1/services?x=1", "", CodeInvalidRequest},
		"parameter of an info":                   {"GET", "/v1/services/billing?x", "", CodeInvalidRequest},
		"parameter of a batch":                   {"POST", "/v1/tokens?min_ttl=3s", `{"services":["billing"]}`, CodeInvalidRequest},
		"parameter of health":                    {"GET", "/healthz?x", "", CodeInvalidRequest},
		"parameter of readiness":                 {"GET", "/readyz?x", "", CodeInvalidRequest},
		"posting to a token":                     {"POST", "/v1/token/billing", "", CodeMethodNotAllowed},
		"reading a batch":                        {"GET", "/v1/tokens", "", CodeMethodNotAllowed},
		"deleting services":                      {"DELETE", "/v1/services", "", CodeMethodNotAllowed},
		"options":                                {"OPTIONS", "/healthz", "", CodeMethodNotAllowed},
		"no body":                                {"POST", "/v1/tokens", "", CodeInvalidRequest},
		"not JSON":                               {"POST", "/v1/tokens", `services=billing`, CodeInvalidRequest},
		"an array":                               {"POST", "/v1/tokens", `["billing"]`, CodeInvalidRequest},
		"null":                                   {"POST", "/v1/tokens", `null`, CodeInvalidRequest},
		"cut off":                                {"POST", "/v1/tokens", `{"services":["billing"]`, CodeInvalidRequest},
		"trailing JSON":                          {"POST", "/v1/tokens", `{"services":["billing"]}{}`, CodeInvalidRequest},
		"trailing text":                          {"POST", "/v1/tokens", `{"services":["billing"]} x`, CodeInvalidRequest},
		"unknown field":                          {"POST", "/v1/tokens", `{"services":["billing"],"wait":"3s"}`, CodeInvalidRequest},
		"field in another case":                  {"POST", "/v1/tokens", `{"Services":["billing"]}`, CodeInvalidRequest},
		"repeated field":                         {"POST", "/v1/tokens", `{"services":["billing"],"services":["billing"]}`, CodeInvalidRequest},
		"no names":                               {"POST", "/v1/tokens", `{"services":[]}`, CodeInvalidRequest},
		"names missing":                          {"POST", "/v1/tokens", `{}`, CodeInvalidRequest},
		"names null":                             {"POST", "/v1/tokens", `{"services":null}`, CodeInvalidRequest},
		"a name null":                            {"POST", "/v1/tokens", `{"services":["billing",null]}`, CodeInvalidRequest},
		"a name that is a number":                {"POST", "/v1/tokens", `{"services":[1]}`, CodeInvalidRequest},
		"min_ttl null":                           {"POST", "/v1/tokens", `{"services":["billing"],"min_ttl":null}`, CodeInvalidRequest},
		"min_ttl a number":                       {"POST", "/v1/tokens", `{"services":["billing"],"min_ttl":30}`, CodeInvalidRequest},
		"min_ttl without a unit":                 {"POST", "/v1/tokens", `{"services":["billing"],"min_ttl":"30"}`, CodeInvalidRequest},
		"too many names":                         {"POST", "/v1/tokens", `{"services":[` + many + `]}`, CodeInvalidRequest},
		"too large":                              {"POST", "/v1/tokens", `{"services":["` + strings.Repeat("a", maxBody) + `"]}`, CodeTooLarge},
		"an unknown service's info":              {"GET", "/v1/services/nope", "", CodeUnknownService},
		"a name that no service has, in an info": {"GET", "/v1/services/_", "", CodeUnknownService},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rec := call(t, newDoor(newFake()), tt.method, tt.target, tt.body)
			wantProblem(t, rec, tt.code)
		})
	}
}

// wantProblem checks everything that each problem must have.
func wantProblem(t *testing.T, rec *httptest.ResponseRecorder, code string) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil {
		t.Fatalf("%v in %q", err, rec.Body)
	}
	if p.Code != code || p.Status != rec.Code || rec.Code != statusOf(code) || p.Type != "about:blank" || p.Title != http.StatusText(rec.Code) || p.Detail == "" {
		t.Errorf("got status %d and %+v, want code %s", rec.Code, p, code)
	}
	h := rec.Header()
	if h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", h)
	}
	if (h.Get("Allow") != "") != (rec.Code == http.StatusMethodNotAllowed) {
		t.Errorf("Allow: %q with %d", h.Get("Allow"), rec.Code)
	}
	retry := rec.Code == http.StatusTooManyRequests || rec.Code == http.StatusServiceUnavailable
	if (h.Get("Retry-After") != "") != retry {
		t.Errorf("Retry-After: %q with %d", h.Get("Retry-After"), rec.Code)
	}
	return p
}

func TestKeepersErrorsBecomeProblems(t *testing.T) {
	kind := func(kind error) error { return &messages.Error{Kind: kind, Service: "billing"} }
	tests := map[string]struct {
		err               error
		code, retry, text string
	}{
		"rejected":         {kind(messages.ErrRejected), CodeRejected, "", "refused the credentials"},
		"invalid response": {kind(messages.ErrInvalidResponse), CodeInvalidResponse, "", "usable token"},
		"overloaded":       {kind(messages.ErrOverloaded), CodeOverloaded, "1", "waiting"},
		"denied":           {kind(messages.ErrDenied), CodeDenied, "", "not allowed"},
		"timeout":          {kind(messages.ErrTimeout), CodeTimeout, "", "in time"},
		"stopped":          {kind(messages.ErrStopped), CodeStopped, "1", "stopping"},
		"a bare sentinel":  {messages.ErrStopped, CodeStopped, "1", "stopping"},
		"unavailable, tried again in 1.2 s": {
			messages.FailureError("billing", messages.Failure{Class: "transient", Text: "connection refused", Attempts: 4, NextTry: noon.Add(1200 * time.Millisecond)}),
			CodeUnavailable, "2", "billing: connection refused",
		},
		"unavailable, the next try is overdue": {
			messages.FailureError("billing", messages.Failure{Class: "transient", Text: "x", NextTry: noon.Add(-time.Hour)}), CodeUnavailable, "1", "x",
		},
		"an error of nobody's is not shown": {fmt.Errorf("holds %s", secretValue), CodeInternal, "", "internal error"},
		"nor one that wraps a sentinel":     {fmt.Errorf("%s: %w", secretValue, messages.ErrUnavailable), CodeUnavailable, "1", "cannot be reached"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newFake()
			k.fails["billing"] = tt.err
			rec := call(t, newDoor(k), "GET", "/v1/token/billing", "")
			p := wantProblem(t, rec, tt.code)
			if got := rec.Header().Get("Retry-After"); got != tt.retry {
				t.Errorf("Retry-After %q, want %q", got, tt.retry)
			}
			if !strings.Contains(p.Detail, tt.text) || strings.Contains(rec.Body.String(), secretValue) {
				t.Errorf("detail %q, want it to contain %q", p.Detail, tt.text)
			}
		})
	}
}

func TestProblemCarriesTheFailure(t *testing.T) {
	k := newFake()
	k.fails["billing"] = messages.FailureError("billing", messages.Failure{Class: "transient", Text: "refused", Attempts: 4, NextTry: noon.Add(time.Minute)})
	rec := call(t, newDoor(k), "GET", "/v1/token/billing", "")
	want := `{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"billing: refused","code":"unavailable","service":"billing","class":"transient","attempts":4,"next_try":"2026-03-01T12:01:00Z"}`
	if got := rec.Body.String(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestWaitIsTheCallersElseTheServices(t *testing.T) {
	tests := map[string]struct {
		method, target, body string
		want, minTTL         time.Duration
	}{
		"the service's timeout":       {target: "/v1/token/billing", want: 10 * time.Second},
		"a timeout over the bound":    {target: "/v1/token/forever", want: MaxWait},
		"the caller's":                {target: "/v1/token/billing?wait=45s&min_ttl=2m", want: 45 * time.Second, minTTL: 2 * time.Minute},
		"the bound":                   {target: "/v1/token/billing?wait=1m", want: MaxWait},
		"nothing":                     {target: "/v1/token/billing?wait=0s", want: 0},
		"the slowest's, with a batch": {method: "POST", target: "/v1/tokens", body: `{"services":["billing","forever"],"min_ttl":"1s"}`, want: MaxWait, minTTL: time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newFake()
				if rec := call(t, newDoor(k), orGet(tt.method), tt.target, tt.body); rec.Code != http.StatusOK {
					t.Fatalf("status %d: %s", rec.Code, rec.Body)
				}
				if k.deadline != tt.want || k.minTTL != tt.minTTL {
					t.Errorf("waits %s with min_ttl %s, want %s and %s", k.deadline, k.minTTL, tt.want, tt.minTTL)
				}
			})
		})
	}
}

func TestWaitEndsInTimeout(t *testing.T) {
	k := newFake()
	k.hang = true
	p := wantProblem(t, call(t, newDoor(k), "GET", "/v1/token/billing?wait=1ms", ""), CodeTimeout)
	if p.Detail != "billing: no token came in time" {
		t.Errorf("detail %q", p.Detail)
	}
}

func TestReadiness(t *testing.T) {
	unready := messages.Readiness{Services: []messages.Unready{
		{Service: "billing", State: "expired", Class: "transient", Since: noon, NextTry: noon.Add(30 * time.Second)},
		{Service: "erp", State: "empty", Since: noon, NextTry: noon.Add(3 * time.Second)},
	}}
	tests := map[string]struct {
		readiness   messages.Readiness
		stopping    bool
		want, retry string
	}{
		"services that count against it": {
			unready, false,
			`{"ready":false,"services":[{"service":"billing","state":"expired","class":"transient","since":"2026-03-01T12:00:00Z","next_try":"2026-03-01T12:00:30Z"},{"service":"erp","state":"empty","since":"2026-03-01T12:00:00Z","next_try":"2026-03-01T12:00:03Z"}]}`, "3",
		},
		"stopping": {messages.Readiness{Ready: true}, true, `{"ready":false,"services":[]}`, "1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newFake()
			k.readiness = tt.readiness
			h := New(k, Options{Now: func() time.Time { return noon }, Stopping: stoppingIf(tt.stopping)})
			rec := call(t, h, "GET", "/readyz", "")
			if rec.Code != http.StatusServiceUnavailable || rec.Body.String() != tt.want || rec.Header().Get("Retry-After") != tt.retry {
				t.Errorf("got %d, %s, Retry-After %s", rec.Code, rec.Body, rec.Header().Get("Retry-After"))
			}
		})
	}
}

// vaultKeeper is a keeper that may keep tokens.
type vaultKeeper struct {
	*fakeKeeper
	state messages.VaultState
	kept  bool
}

func (k vaultKeeper) VaultState() (messages.VaultState, bool) { return k.state, k.kept }

func TestReadinessTellsOfTheVaultAndDoesNotDependOnIt(t *testing.T) {
	for name, tt := range map[string]struct {
		state messages.VaultState
		kept  bool
		want  string
	}{
		"nothing is kept": {messages.VaultState{}, false, `{"ready":true,"services":[]}`},
		"all is well":     {messages.VaultState{}, true, `{"ready":true,"services":[],"vault":{"state":"ok"}}`},
		"the disk is full": {
			messages.VaultState{Degraded: true, Since: noon, Text: "no space left on device"},
			true,
			`{"ready":true,"services":[],"vault":{"state":"degraded","since":"2026-03-01T12:00:00Z","text":"no space left on device"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := New(vaultKeeper{newFake(), tt.state, tt.kept}, Options{})
			if rec := call(t, h, "GET", "/readyz", ""); rec.Code != http.StatusOK || rec.Body.String() != tt.want {
				t.Errorf("got %d, %s", rec.Code, rec.Body)
			}
		})
	}
}

func TestPanicIsNamedByTypeOnly(t *testing.T) {
	tests := map[string]struct {
		value any
		want  string
	}{
		"a text":   {"holds " + secretValue, "with a string"},
		"an error": {errors.New("holds " + secretValue), "with a *errors.errorString"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k, reported := newFake(), ""
			k.panics = tt.value
			h := New(k, Options{Report: func(text string) { reported += text }})
			rec := call(t, h, "GET", "/v1/token/billing", "")
			wantProblem(t, rec, CodeInternal)
			if !strings.Contains(reported, tt.want) || strings.Contains(reported+rec.Body.String(), secretValue) {
				t.Errorf("reported %q", reported)
			}
		})
	}
}
