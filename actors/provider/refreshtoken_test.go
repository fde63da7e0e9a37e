package provider

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tokend/messages"
)

// logins is a token endpoint that answers one refresh after the other by script,
// and keeps what it was sent.
type logins struct {
	*testing.T

	p       Provider
	state   State
	current string        // what the configuration says
	later   time.Duration // by how much the clock is ahead

	mu     sync.Mutex // two connections may be served at the same time
	script []http.HandlerFunc
	sent   []string
}

// next returns the answer whose turn it is.
func (l *logins) next(refreshToken string) http.HandlerFunc {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, refreshToken)
	if len(l.script) == 0 {
		l.Error("one request too many")
		return hangUp
	}
	answer := l.script[0]
	l.script = l.script[1:]
	return answer
}

// hangUp breaks the connection off instead of answering.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// rotates answers well, with a new refresh token if there is one.
func rotates(next string) http.HandlerFunc {
	if next == "" {
		return says(200, goodAnswer)
	}
	return says(200, `{"access_token":"at-1","expires_in":3600,"refresh_token":"`+next+`"}`)
}

func spent(code string) http.HandlerFunc { return says(400, `{"error":"`+code+`"}`) }

func newLogins(t *testing.T, script ...http.HandlerFunc) *logins {
	t.Helper()
	l := &logins{T: t, script: script, current: "first"}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("grant_type") != "refresh_token" {
			t.Errorf("grant_type %q", r.FormValue("grant_type"))
		}
		l.next(r.FormValue("refresh_token"))(w, r)
	})
	server.Config.ErrorLog = quiet()
	l.make(server.URL, func(*RefreshToken) {})
	return l
}

// make makes the provider, with other settings.
func (l *logins) make(url string, edit func(*RefreshToken)) {
	l.Helper()
	r := RefreshToken{
		Grant:        Grant(client(l, url)),
		RefreshToken: func() (Text, error) { return Text{Secret: messages.NewSecret(l.current)}, nil },
	}
	r.Now = func() time.Time { return time.Now().Add(l.later) }
	edit(&r)
	p, err := NewRefreshToken(r)
	if err != nil {
		l.Fatal(err)
	}
	l.p = p
}

// refresh acquires and keeps the state, as the token actor does.
func (l *logins) refresh(ctx context.Context) *Error {
	l.Helper()
	res, err := Acquire(ctx, l.p, Request{Service: "s", Previous: l.state})
	if !res.State.IsZero() {
		l.state = res.State
	}
	if err != nil {
		return asError(l, err)
	}
	_, late := Lifetime(res, time.Now(), time.Now(), Bounds{Default: time.Hour})
	return late
}

func (l *logins) wantSent(want ...string) {
	l.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if diff := cmp.Diff(want, l.sent); diff != "" {
		l.Error(diff)
	}
}

func TestARefreshTokenIsFollowed(t *testing.T) {
	for name, c := range map[string]struct {
		script []http.HandlerFunc
		want   []string
	}{
		"that stays":                {[]http.HandlerFunc{rotates(""), rotates(""), rotates("")}, []string{"first", "first", "first"}},
		"that rotates":              {[]http.HandlerFunc{rotates("b"), rotates("c"), rotates("d")}, []string{"first", "b", "c"}},
		"that rotates now and then": {[]http.HandlerFunc{rotates("b"), rotates(""), rotates("c"), rotates("")}, []string{"first", "b", "b", "c"}},
		"that comes back the same":  {[]http.HandlerFunc{rotates("first"), rotates("first")}, []string{"first", "first"}},
		"that is no text":           {[]http.HandlerFunc{says(200, `{"access_token":"a","refresh_token":7}`), rotates("")}, []string{"first", "first"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogins(t, c.script...)
			for range c.script {
				if err := l.refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			l.wantSent(c.want...)
		})
	}
}

func TestTheRefreshTokenBeforeIsKeptUntilTheNextHasWorked(t *testing.T) {
	l := newLogins(t, rotates("b"), spent("invalid_grant"), rotates("c"), rotates(""), spent("invalid_grant"))
	for i := range 3 {
		if err := l.refresh(t.Context()); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	l.wantSent("first", "b", "first", "c")
	wantFailure(t, l.refresh(t.Context()), messages.ClassRejected, "400 invalid_grant: log in anew and replace refresh_token")
	l.wantSent("first", "b", "first", "c", "c") // which had worked
}

// Some servers answer a spent refresh token with the status of an unknown client.
func TestARefreshTokenIsSpentWhateverTheStatus(t *testing.T) {
	l := newLogins(t, rotates("b"), says(401, `{"error":"invalid_grant"}`), rotates("c"))
	for range 2 {
		if err := l.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.wantSent("first", "b", "first")
}

func TestARefusalIsOfTheRefreshTokenAtHand(t *testing.T) {
	l := newLogins(t, rotates("b"), spent("invalid_request"), spent("invalid_grant"), spent("invalid_client"))
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, l.refresh(t.Context()), messages.ClassRejected, "400 invalid_request")
	wantFailure(t, l.refresh(t.Context()), messages.ClassRejected, "400 invalid_client")
	l.wantSent("first", "b", "first", "b") // the client, not the token
}

func TestAnAnswerThatIsLostIsAskedForOnceMore(t *testing.T) {
	for name, c := range map[string]struct {
		script      []http.HandlerFunc
		class, text string // of the failure, if any
		want        []string
	}{
		"and comes":        {script: []http.HandlerFunc{hangUp, rotates("b"), rotates("")}, want: []string{"first", "first", "b"}},
		"and is a refusal": {[]http.HandlerFunc{hangUp, spent("invalid_grant"), rotates("")}, messages.ClassRejected, "400 invalid_grant: log in anew and replace refresh_token", []string{"first", "first", "first"}},
		"and is trouble":   {[]http.HandlerFunc{hangUp, says(500, ""), rotates("")}, messages.ClassTransient, "500 internal server error", []string{"first", "first", "first"}},
		"and is lost again": {
			[]http.HandlerFunc{hangUp, hangUp, rotates("")},
			messages.ClassAmbiguous,
			"the refresh token was sent and may be spent, but no answer came: connection closed by ADDRESS before the answer was complete",
			[]string{"first", "first", "first"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogins(t, c.script...)
			err := l.refresh(t.Context())
			if c.class == "" && err != nil {
				t.Fatal(err)
			}
			if c.class != "" {
				wantFailure(t, err, c.class, strings.ReplaceAll(c.text, "ADDRESS", l.p.(Hosted).Host()))
			}
			l.later = 5 * time.Minute // for a login that was found to be lost
			if err := l.refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.wantSent(c.want...)
		})
	}
}

func TestTimeIsLeftToAskOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		brief, done := leaving(ctx, 4)
		defer done()
		if deadline, ok := brief.Deadline(); !ok || time.Until(deadline) != 7500*time.Millisecond {
			t.Errorf("ends in %s", time.Until(deadline))
		}
		if endless, _ := leaving(t.Context(), 4); endless != t.Context() {
			t.Error("ends, though nothing else does")
		}
	})
}

func TestNothingIsAskedTwiceThatWasNotSent(t *testing.T) {
	l := newLogins(t)
	server := serve(t, nil)
	server.Close()
	p, err := NewRefreshToken(RefreshToken{Grant: Grant(client(t, server.URL)), RefreshToken: hush("first")})
	if err != nil {
		t.Fatal(err)
	}
	l.p = p
	wantFailure(t, l.refresh(t.Context()), messages.ClassTransient, "connection refused by "+p.(Hosted).Host())
}

func TestAnAnswerOfNoUseMayHoldARefreshToken(t *testing.T) {
	l := newLogins(t, says(200, `{"access_token":"at-1","expires_in":-1,"refresh_token":"b"}`), rotates(""))
	wantFailure(t, l.refresh(t.Context()), messages.ClassMalformed, "expires_in is not positive")
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.wantSent("first", "b")
}

func TestAnAnswerToTheRefreshTokenBeforeMayHoldOne(t *testing.T) {
	useless := says(200, `{"access_token":"at-1","expires_in":-1,"refresh_token":"c"}`)
	l := newLogins(t, rotates("b"), spent("invalid_grant"), useless, rotates(""))
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, l.refresh(t.Context()), messages.ClassMalformed, "expires_in is not positive")
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.wantSent("first", "b", "first", "c")
}

func TestAnotherLoginTakesThePlace(t *testing.T) {
	l := newLogins(t, rotates("b"), rotates("y"), rotates(""))
	for _, login := range []string{"first", "x", "x"} {
		l.current = login
		if err := l.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.wantSent("first", "x", "y")
}

func TestStatesOfOthers(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "first",
		"opaque":                            "first",
		`{"v":1}`:                           "first",
		`{"current":"b"}`:                   "first",
		`{"v":1,"first":"?","current":"b"}`: "first",
	} {
		l := newLogins(t, rotates(""))
		l.state = NewState([]byte(text))
		if err := l.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.wantSent(want)
	}
	l := newLogins(t)
	l.state = NewState([]byte(`{"v":2}`))
	wantFailure(t, l.refresh(t.Context()), messages.ClassTransient, "refresh_token: the one at hand was stored by a later version of tokend")
}

func TestP7RefreshTokensDoNotShow(t *testing.T) {
	l := newLogins(t,
		says(200, `{"access_token":"at-1","refresh_token":"second`+canary0+`"}`),
		says(400, `{"error":"invalid_request","error_description":"second`+canary0+` or first`+canary0+` or third`+canary0+`","refresh_token":"third`+canary0+`"}`),
		says(401, ``),
	)
	l.current = "first" + canary0
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := Acquire(t.Context(), l.p, Request{Service: "s", Previous: l.state})
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", err, err, err), fmt.Sprintf("%v %+v %#v", l.p, l.p, l.p), fmt.Sprintf("%v %+v %#v", l.state, l.state, l.state)} {
		if strings.Contains(text, canary0) {
			t.Errorf("shows a refresh token: %s", text)
		}
	}
}

// canary0 is a canary that needs no encoding.
const canary0 = "-c4nary-0815"

func TestARefreshTokenIsNeeded(t *testing.T) {
	if _, err := NewRefreshToken(RefreshToken{Grant: Grant(client(t, "https://idp.example/"))}); err == nil || err.Error() != "refresh_token: missing" {
		t.Errorf("got %v", err)
	}
	p, err := NewRefreshToken(RefreshToken{Grant: Grant(client(t, "https://idp.example/")), RefreshToken: hush("")})
	if err != nil {
		t.Fatal(err)
	}
	wantFailure(t, failure(t, p), messages.ClassTransient, "refresh_token: is empty")
}
