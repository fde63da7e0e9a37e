package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"tokend/messages"
)

func TestAuthorizeLooksAtTheServiceAlone(t *testing.T) {
	tests := map[string]struct{ method, target, body string }{
		"as nginx asks":                  {"GET", "/v1/authorize/billing", ""},
		"as Envoy asks":                  {"PUT", "/v1/authorize/billing/orders/7?x=1&x=2", `{"not":"ours"`},
		"with a head":                    {"HEAD", "/v1/authorize/billing", ""},
		"with a method nobody knows":     {"BREW", "/v1/authorize/billing/pot", ""},
		"with a preflight":               {"OPTIONS", "/v1/authorize/billing/", ""},
		"with an escaped path":           {"GET", "/v1/authorize/billing/a%2Fb/%2e%2e/c", ""},
		"with dot segments":              {"GET", "/v1/authorize/billing/../../healthz", ""},
		"with a query that cannot parse": {"DELETE", "/v1/authorize/billing?%zz;", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rec := call(t, newDoor(newFake()), tt.method, tt.target, tt.body)
			h := rec.Header()
			if rec.Code != http.StatusOK || rec.Body.Len() > 0 || h.Get("Authorization") != "Bearer "+secretValue {
				t.Errorf("got %d %q, headers %v", rec.Code, rec.Body, h)
			}
			if h.Get("Cache-Control") != "no-store" || h.Get("Content-Length") != "0" || h.Get("Content-Type") != "" {
				t.Errorf("headers %v", h)
			}
		})
	}
}

func TestAuthorizeRefusesInTwoWaysOnly(t *testing.T) {
	kind := func(kind error) error { return &messages.Error{Kind: kind, Service: "billing"} }
	tests := map[string]struct {
		target string
		err    error
		code   string
	}{
		"an unknown service":          {"/v1/authorize/nope", nil, CodeDenied},
		"a name that is none":         {"/v1/authorize/Billing/x", nil, CodeDenied},
		"an escaped name":             {"/v1/authorize/b%69lling", nil, CodeDenied},
		"an escaped name with a path": {"/v1/authorize/b%69lling/a%2Fb", nil, CodeDenied},
		"a caller who may not":        {"/v1/authorize/billing", kind(messages.ErrDenied), CodeDenied},
		"refused credentials":         {"/v1/authorize/billing", kind(messages.ErrRejected), CodeUnavailable},
		"an answer without token":     {"/v1/authorize/billing", kind(messages.ErrInvalidResponse), CodeUnavailable},
		"a crowd":                     {"/v1/authorize/billing", kind(messages.ErrOverloaded), CodeUnavailable},
		"a node that stops":           {"/v1/authorize/billing", kind(messages.ErrStopped), CodeUnavailable},
		"no token in time":            {"/v1/authorize/billing", kind(messages.ErrTimeout), CodeUnavailable},
		"an IdP that is not there":    {"/v1/authorize/billing", kind(messages.ErrUnavailable), CodeUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newFake()
			if tt.err != nil {
				k.fails["billing"] = tt.err
			}
			rec := call(t, newDoor(k), "GET", tt.target, "")
			wantProblem(t, rec, tt.code)
			if rec.Header().Get("Authorization") != "" {
				t.Error("a refusal with a token")
			}
		})
	}
}

func TestAuthorizeTellsTheFailure(t *testing.T) {
	k := newFake()
	k.fails["billing"] = messages.FailureError("billing", messages.Failure{Class: messages.ClassRejected, Text: "no", Attempts: 3, NextTry: noon.Add(90 * time.Second)})
	rec := call(t, newDoor(k), "GET", "/v1/authorize/billing", "")
	p := wantProblem(t, rec, CodeUnavailable)
	if p.Service != "billing" || p.Class != messages.ClassRejected || p.Attempts != 3 || rec.Header().Get("Retry-After") != "90" {
		t.Errorf("%+v, Retry-After %s", p, rec.Header().Get("Retry-After"))
	}
}

func TestATokenThatNoHeaderCarriesIsNotHandedToAProxy(t *testing.T) {
	for _, value := range []string{"a\r\nX-Evil: 1", "a\x00", "a ", "\u009b31m"} {
		tok := billing().WithValue(messages.NewSecret(value))
		rec := call(t, New(&quickKeeper{fakeKeeper: *newFake(), t: tok}, Options{}), "GET", "/v1/authorize/billing", "")
		wantProblem(t, rec, CodeUnavailable)
	}
}

// placedKeeper has a token whose service says where it goes.
type placedKeeper struct {
	quickKeeper
	to messages.Placement
}

func (k *placedKeeper) Placement(string) *messages.Placement { return &k.to }

func placed(to messages.Placement, token string) *placedKeeper {
	return &placedKeeper{quickKeeper{fakeKeeper: *newFake(), t: billing().WithValue(messages.NewSecret(token))}, to}
}

func TestAuthorizeAnswersWithTheHeaderOfInject(t *testing.T) {
	tests := map[string]struct {
		to          messages.Placement
		name, value string // empty: refused
		code        string
	}{
		"nothing said":                {messages.Placement{}, "Authorization", "Bearer abc", ""},
		"hosts alone":                 {messages.Placement{Hosts: []string{"api.example"}}, "Authorization", "Bearer abc", ""},
		"another header":              {messages.Placement{Header: "x-auth-token"}, "X-Auth-Token", "abc", ""},
		"a header with a prefix":      {messages.Placement{Header: "X-Auth", Prefix: new("Token ")}, "X-Auth", "Token abc", ""},
		"no prefix":                   {messages.Placement{Header: "Authorization", Prefix: new("")}, "Authorization", "abc", ""},
		"authorization by its name":   {messages.Placement{Header: "AUTHORIZATION"}, "Authorization", "Bearer abc", ""},
		"a cookie":                    {messages.Placement{Cookie: "sid"}, "Cookie", "sid=abc", ""},
		"a query":                     {messages.Placement{Query: "access_token"}, "", "", CodeDenied},
		"a header of the answer":      {messages.Placement{Header: "cache-control"}, "", "", CodeDenied},
		"another one":                 {messages.Placement{Header: "Set-Cookie"}, "", "", CodeDenied},
		"a prefix that no header has": {messages.Placement{Header: "X-Auth", Prefix: new("a\n")}, "", "", CodeUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rec := call(t, New(placed(tt.to, "abc"), Options{}), "GET", "/v1/authorize/billing/x", "")
			if tt.code != "" {
				if p := wantProblem(t, rec, tt.code); strings.Contains(p.Detail, "abc") || tt.code == CodeDenied && !strings.Contains(p.Detail, "inject puts the token into") {
					t.Errorf("%+v", p)
				}
				return
			}
			h := rec.Header()
			if rec.Code != http.StatusOK || h.Get(tt.name) != tt.value || tt.name != "Authorization" && h.Get("Authorization") != "" {
				t.Errorf("%d, %v", rec.Code, h)
			}
		})
	}
	if p := wantProblem(t, call(t, New(placed(messages.Placement{Cookie: "sid"}, `a;b`), Options{}), "GET", "/v1/authorize/billing", ""), CodeUnavailable); strings.Contains(p.Detail, "a;b") {
		t.Errorf("%+v", p)
	}
}

// Where a token goes stands beside it, however long that is, and comes back as it was.
func TestATokenSaysWhereItGoes(t *testing.T) {
	const plain = `{"access_token":"abc","token_type":"Bearer","expires_in":90,"expires_at":"2026-03-01T12:01:30.999Z","service":"billing","state":"fresh","generation":7,"fingerprint":"0123456789ab","scope":"read write"`
	long := strings.Repeat("a", 250)
	for _, tt := range []struct {
		to   messages.Placement
		want string
	}{
		{messages.Placement{}, ""},
		{messages.Placement{Header: "X-Auth", Prefix: new("")}, `,"inject":{"header":"X-Auth","prefix":""}`},
		{messages.Placement{Header: "X-Auth", Prefix: new(`a"b`)}, `,"inject":{"header":"X-Auth","prefix":"a\"b"}`},
		{messages.Placement{Cookie: "sid", Hosts: []string{"a.example", "[::1]:8443"}}, `,"inject":{"cookie":"sid"},"hosts":["a.example","[::1]:8443"]`},
		{messages.Placement{Query: "t", Hosts: []string{long, long, long, long}}, `,"inject":{"query":"t"},"hosts":["` + long + `","` + long + `","` + long + `","` + long + `"]`},
	} {
		for name, k := range map[string]Keeper{"at hand": atHand{placed(tt.to, "abc")}, "waited for": placed(tt.to, "abc")} {
			rec := call(t, New(k, Options{Now: func() time.Time { return noon }}), "GET", "/v1/token/billing", "")
			if rec.Body.String() != plain+tt.want+"}" {
				t.Errorf("%s: %s", name, rec.Body)
			}
			var back Token
			if err := json.Unmarshal(rec.Body.Bytes(), &back); err != nil || !reflect.DeepEqual(back.Placement(), tt.to) {
				t.Errorf("%v, %+v became %+v", err, tt.to, back.Placement())
			}
			if size := back.size(); size < rec.Body.Len() {
				t.Errorf("%d bytes, and %d were thought enough", rec.Body.Len(), size)
			}
		}
	}
}

// atHand is one whose token is at hand.
type atHand struct{ *placedKeeper }

func (k atHand) AppendCached(dst []byte, _ string, _ time.Duration) ([]byte, messages.Token, bool) {
	return append(dst, k.t.Value()...), k.t.WithValue(messages.Secret{}), true
}

func TestWhatIsNoServiceToAuthorize(t *testing.T) {
	for _, target := range []string{"/v1/authorize", "/v1/authorize/", "/v1/authorize//x", "/v1/authorize/..", "/v1/authorize/./x", "/v1%2Fauthorize/billing"} {
		wantProblem(t, call(t, newDoor(newFake()), "GET", target, ""), CodeNotFound)
	}
}
