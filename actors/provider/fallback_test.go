package provider

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tokend/messages"
)

// remake makes the provider anew, with other settings.
func (l *logins) remake(edit func(*RefreshToken)) {
	l.Helper()
	l.make("http://"+l.p.(Hosted).Host(), edit)
}

// spare is a fallback that counts how often it is asked.
type spare struct {
	asked  int
	last   Request
	answer func() (Result, error)
}

func (s *spare) Acquire(_ context.Context, req Request) (Result, error) {
	s.asked++
	s.last = req
	return s.answer()
}

// helps answers with a token, and a refresh token if there is one.
func helps(next string) func() (Result, error) {
	return func() (Result, error) {
		res := Result{AccessToken: messages.NewSecret("spare-at")}
		if next != "" {
			res.RefreshToken = messages.NewSecret(next)
		}
		return res, nil
	}
}

func (l *logins) withFallback(answer func() (Result, error)) *spare {
	s := &spare{answer: answer}
	l.remake(func(r *RefreshToken) { r.Fallback = s })
	return s
}

// acquire is refresh that returns what was acquired.
func (l *logins) acquire() (Result, error) {
	res, err := Acquire(l.Context(), l.p, Request{Service: "s", Previous: l.state})
	if !res.State.IsZero() {
		l.state = res.State
	}
	return res, err
}

func TestALostLoginIsToldOnce(t *testing.T) {
	l := newLogins(t, spent("invalid_grant"), spent("invalid_grant"), rotates("b"), spent("invalid_grant"), spent("invalid_grant"), spent("invalid_grant"))
	l.remake(func(r *RefreshToken) { r.Where = "/run/secrets/login" })
	const text = "400 invalid_grant: log in anew and replace refresh_token in /run/secrets/login"
	for i, lost := range []string{text, "", "recovered", text, ""} {
		l.later += time.Hour
		err := l.refresh(t.Context())
		if lost == "recovered" {
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		wantFailure(t, err, messages.ClassRejected, text)
		if err.Lost != lost {
			t.Errorf("%d: lost %q, want %q", i, err.Lost, lost)
		}
	}
	l.wantSent("first", "first", "first", "b", "first", "b")
}

func TestAnotherLoginMayBeLostAgain(t *testing.T) {
	l := newLogins(t, spent("invalid_grant"), spent("invalid_grant"))
	for _, l.current = range []string{"first", "second"} {
		if err := l.refresh(t.Context()); err.Lost == "" {
			t.Errorf("%s: nobody is told", l.current)
		}
	}
}

func TestWhatIsLostAndWhatIsNot(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		lost   bool
	}{
		"spent":                       {spent("invalid_grant"), true},
		"spent, with another status":  {says(401, `{"error":"invalid_grant"}`), true},
		"the person is wanted":        {spent("interaction_required"), true},
		"the person must log in":      {spent("login_required"), true},
		"the person must agree":       {spent("consent_required"), true},
		"the client is refused":       {says(401, `{"error":"invalid_client"}`), false},
		"the request is refused":      {spent("invalid_request"), false},
		"the scope is refused":        {spent("invalid_scope"), false},
		"trouble":                     {says(500, `{"error":"invalid_grant"}`), false},
		"a success that says so":      {says(200, `{"error":"invalid_grant"}`), true},
		"an answer of nothing at all": {says(200, ""), false},
		"later":                       {spent("temporarily_unavailable"), false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogins(t, c.answer)
			s := l.withFallback(helps(""))
			res, err := l.acquire()
			if (err == nil) != c.lost || (res.Lost != "") != c.lost || (s.asked == 1) != c.lost {
				t.Errorf("error %v, lost %q, %d requests to the fallback", err, res.Lost, s.asked)
			}
		})
	}
}

func TestAFallbackServesUntilTheLoginIsReplaced(t *testing.T) {
	l := newLogins(t, rotates("b"), spent("invalid_grant"), spent("invalid_grant"), rotates("y"))
	s := l.withFallback(helps(""))
	if _, err := l.acquire(); err != nil || s.asked != 0 {
		t.Fatalf("%v, %d requests to the fallback", err, s.asked)
	}
	for i := range 3 {
		res, err := l.acquire()
		if err != nil || res.AccessToken.Reveal() != "spare-at" || (res.Lost != "") != (i == 0) || s.asked != i+1 {
			t.Fatalf("%d: %v, lost %q, %d requests to the fallback", i, err, res.Lost, s.asked)
		}
	}
	l.wantSent("first", "b", "first")
	l.current = "x"
	if res, err := l.acquire(); err != nil || res.AccessToken.Reveal() != "at-1" || s.asked != 3 {
		t.Errorf("%v, %d requests to the fallback", err, s.asked)
	}
	l.wantSent("first", "b", "first", "x")
}

func TestAFallbackMayBeginTheFamilyAnew(t *testing.T) {
	for name, answer := range map[string]func() (Result, error){
		"of a grant": helps("n"),
		"of a login": func() (Result, error) {
			return Result{AccessToken: messages.NewSecret("spare-at"), State: NewState([]byte("n"))}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogins(t, spent("invalid_grant"), rotates("o"), rotates(""), spent("invalid_grant"))
			s := l.withFallback(answer)
			res, err := l.acquire()
			if err != nil || res.Lost != "" || !res.RefreshToken.IsZero() {
				t.Fatalf("%v, lost %q", err, res.Lost)
			}
			for range 3 { // the last one is refused, and the fallback begins anew
				if _, err := l.acquire(); err != nil {
					t.Fatal(err)
				}
			}
			l.wantSent("first", "n", "o", "o")
			if s.asked != 2 {
				t.Errorf("%d requests to the fallback", s.asked)
			}
		})
	}
}

func TestAFallbackThatFails(t *testing.T) {
	l := newLogins(t, spent("invalid_grant"))
	s := l.withFallback(func() (Result, error) { return Result{}, &lost{err: context.DeadlineExceeded} })
	err := l.refresh(t.Context())
	wantFailure(t, err, messages.ClassTransient, "the login is lost, and its fallback failed: timeout")
	if err.Lost != "400 invalid_grant: log in anew and replace refresh_token" || !err.TimedOut {
		t.Errorf("lost %q", err.Lost)
	}
	if err = l.refresh(t.Context()); err.Lost != "" || s.asked != 2 {
		t.Errorf("lost %q, %d requests to the fallback", err.Lost, s.asked)
	}
	l.wantSent("first")
	s.answer = helps("n")
	if err := l.refresh(t.Context()); err != nil {
		t.Error(err)
	}
}

// What is known of the family must not come out of what the fallback is answered.
func TestP7AFallbackHidesTheFamily(t *testing.T) {
	l := newLogins(t, rotates("second"), spent("invalid_grant"), spent("invalid_grant"))
	server := serve(t, says(400, `{"error":"invalid_client","error_description":"not first, not second, not the key"}`))
	p := mustClient(t, client(t, server.URL))
	l.remake(func(r *RefreshToken) { r.Fallback = p })
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := l.refresh(t.Context())
	if strings.Contains(err.Text, "first") || strings.Contains(err.Text, "second") || !strings.Contains(err.Text, "not the key") {
		t.Errorf("shows %s", err.Text)
	}
}

// The one before may be good still, when only a moment is bad.
func TestAFamilyIsNotLostWhileNobodyKnows(t *testing.T) {
	for name, c := range map[string]struct {
		trouble []http.HandlerFunc
		class   string
	}{
		"for there is trouble":      {[]http.HandlerFunc{says(503, "")}, messages.ClassTransient},
		"for no answer comes":       {[]http.HandlerFunc{hangUp, hangUp}, messages.ClassAmbiguous},
		"for the answer is useless": {[]http.HandlerFunc{says(200, `{}`)}, messages.ClassMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogins(t, slices.Concat([]http.HandlerFunc{rotates("b"), spent("invalid_grant")}, c.trouble)...)
			s := l.withFallback(helps(""))
			if err := l.refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := l.refresh(t.Context()); err == nil || err.Class != c.class || err.Lost != "" || s.asked > 0 {
				t.Errorf("%v, %d requests to the fallback", err, s.asked)
			}
		})
	}
}

// A host's own provider may say that its login is lost, and in which words.
func TestP7ALossShowsNoSecret(t *testing.T) {
	for name, token := range map[string]string{"beside a token": "at", "beside one of no use": "a t"} {
		t.Run(name, func(t *testing.T) {
			p := Func(func(context.Context, Request) (Result, error) {
				return Result{AccessToken: messages.NewSecret(token), Lost: "log in anew\n, " + canary0 + " is spent"}, nil
			})
			res, err := Acquire(t.Context(), p, Request{Hidden: []messages.Secret{messages.NewSecret(canary0)}})
			lost := res.Lost
			if err != nil {
				lost = asError(t, err).Lost
			}
			if strings.Contains(lost, canary0) || strings.Contains(lost, "\n") || !strings.HasPrefix(lost, "log in anew") {
				t.Errorf("says %q", lost)
			}
		})
	}
}
