package provider

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tokend/messages"
)

// elsewhere is a server that nobody may ask.
func elsewhere(t *testing.T) *httptest.Server {
	t.Helper()
	return serve(t, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was asked for", r.Method, r.URL.Path)
	})
}

// loggedIn answers a form as many servers do: with a session, and a redirect to where a
// browser is to go.
func loggedIn(status int, to string) http.HandlerFunc {
	return says(status, `<a href="/home">home</a>`, "Location", to, "Set-Cookie", "sid=at; Path=/; Max-Age=60; HttpOnly", "X-Ticket", "t-1")
}

func TestARedirectMayBeASuccess(t *testing.T) {
	for _, status := range []int{301, 302, 303} {
		for name, c := range map[string]struct {
			response Response
			to       string
			want     string
		}{
			"a cookie":                 {Response{TokenCookie: "sid"}, "/home", "at"},
			"a header":                 {Response{TokenHeader: "X-Ticket"}, "/home", "t-1"},
			"it leads to another host": {Response{TokenCookie: "sid"}, elsewhere(t).URL + "/home", "at"},
			"it leads nowhere":         {Response{TokenCookie: "sid"}, "", "at"},
		} {
			t.Run(name, func(t *testing.T) {
				url, arrived := answering(t, loggedIn(status, c.to)) // a second request is a failure
				c.response.Status = []int{200, status}
				got := acquire(t, mustLogin(t, loginTo(t, url, c.response)))
				if got.AccessToken.Reveal() != c.want || c.response.TokenCookie != "" && got.Lifetime != time.Minute {
					t.Errorf("got %+v", got)
				}
				if len(arrived) != 1 {
					t.Errorf("%d requests", len(arrived))
				}
			})
		}
	}
}

// TestAStepMayBeARedirect logs in by a form, and asks then for what only those get who
// are logged in.
func TestAStepMayBeARedirect(t *testing.T) {
	other := elsewhere(t)
	url, arrived := answering(t, loggedIn(302, other.URL+"/home"), says(200, `{"t":"api"}`))
	l := stepped(t, url, Step{
		Status: []int{302}, Capture: map[string]Capture{"ticket": {Header: "X-Ticket"}, "sid": {Cookie: "sid"}},
	}, HTTPRequest{Template: refs, URL: "?ticket={{ .ticket }}", Headers: map[string]string{"X-Sid": "{{ .sid }}"}})
	if got := acquire(t, mustLogin(t, l)); got.AccessToken.Reveal() != "api" {
		t.Errorf("got %+v", got)
	}
	<-arrived
	if two := <-arrived; two.cookie != "sid=at" || two.target != "/last?ticket=t-1" || two.header.Get("X-Sid") != "at" {
		t.Errorf("then %+v", two)
	}
}

func TestAnswersOfTheWrongStatusFail(t *testing.T) {
	const malformed, transient, rejected = messages.ClassMalformed, messages.ClassTransient, messages.ClassRejected
	for name, c := range map[string]struct {
		status      []int
		answer      http.HandlerFunc
		class, text string
	}{
		"the form anew":               {[]int{302}, says(200, "<form>", "Set-Cookie", "sid=at"), malformed, "200: not a status of response.status"},
		"the form anew, and a reason": {[]int{302}, says(200, `{"msg":"no"}`, "Set-Cookie", "sid=at"), rejected, "200 ok: no"},
		"another redirect":            {[]int{303}, loggedIn(302, "/x"), transient, "302: redirect to ADDRESS/x refused: set request.url to the final address"},
		"a redirect without the key":  {nil, loggedIn(302, "/x"), transient, "302: redirect to ADDRESS/x refused: set request.url to the final address"},
		"a redirect without a cookie": {[]int{302}, says(302, "", "Location", "/login?failed"), malformed, "response.token_cookie is missing"},
		"401":                         {[]int{302}, says(401, ""), rejected, "401 unauthorized"},
		"a server that is down":       {[]int{200, 302}, says(503, ""), transient, "503 service unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := answering(t, c.answer)
			got := failure(t, mustLogin(t, loginTo(t, url, Response{TokenCookie: "sid", Status: c.status, Error: "msg"})))
			wantFailure(t, got, c.class, strings.ReplaceAll(c.text, "ADDRESS", url))
		})
	}
}

// TestARedirectIsJudgedAsAnyOtherAnswer has predicates look into one.
func TestARedirectIsJudgedAsAnyOtherAnswer(t *testing.T) {
	url, _ := answering(t, says(302, `{"ok":false,"msg":"locked"}`, "Location", "/", "Set-Cookie", "sid=at"))
	got := failure(t, mustLogin(t, loginTo(t, url, Response{
		TokenCookie: "sid", Status: []int{302}, Error: "msg", Rejected: &Predicate{Path: "ok", Op: "==", Literal: false},
	})))
	wantFailure(t, got, messages.ClassRejected, "302 found: locked")
}

func TestStatusesThatAreNoSuccess(t *testing.T) {
	for _, status := range []int{0, 100, 199, 300, 304, 305, 307, 308, 400, 401, 500} {
		l := loginTo(t, "https://erp.example", Response{TokenCookie: "sid", Status: []int{200, status}})
		l.Steps = []Step{{Request: l.Request, Status: []int{status}}}
		_, err := NewLogin(l)
		for _, key := range []string{"response.status", "steps[0].response.status"} {
			found := false
			for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
				e, ok := errors.AsType[*KeyError](one)
				found = found || ok && e.Key == key
			}
			if !found {
				t.Errorf("%d: %s is not in %v", status, key, err)
			}
		}
	}
}
