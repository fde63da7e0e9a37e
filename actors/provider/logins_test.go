package provider

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tokend/messages"
)

// sharers are services that live on one login, at an endpoint that counts who sent what.
type sharers struct {
	*testing.T
	logins *Logins
	url    string
	states map[string]State

	mu     sync.Mutex
	answer http.HandlerFunc
	sent   []string
	told   []string
}

func newSharers(t *testing.T, answer http.HandlerFunc) *sharers {
	t.Helper()
	s := &sharers{T: t, answer: answer, states: map[string]State{}}
	s.logins = NewLogins(Sharing{
		Found: func(service, other string) { s.hear(service + " shares with " + other) },
		Spent: func(service, by string) { s.hear(service + " spent by " + by) },
	})
	s.url = serve(t, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.sent = append(s.sent, r.FormValue("refresh_token"))
		answer := s.answer
		s.mu.Unlock()
		answer(w, r)
	}).URL
	return s
}

func (s *sharers) hear(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, what)
}

func (s *sharers) answers(answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// refresh acquires for a service whose configured refresh token is that text.
func (s *sharers) refresh(service, text string, asked bool, edit ...func(*RefreshToken)) (Result, *Error) {
	s.Helper()
	r := RefreshToken{Grant: Grant(client(s, s.url)), RefreshToken: hush(text), Logins: s.logins}
	for _, e := range edit {
		e(&r)
	}
	p, err := NewRefreshToken(r)
	if err != nil {
		s.Fatal(err)
	}
	res, err := Acquire(s.Context(), p, Request{Service: service, Previous: s.states[service], Asked: asked})
	if !res.State.IsZero() {
		s.states[service] = res.State
	}
	if err != nil {
		return res, asError(s, err)
	}
	return res, nil
}

func (s *sharers) want(sent, told []string) {
	s.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.sent, sent) || !slices.Equal(s.told, told) {
		s.Errorf("sent %q, told %q\nwant %q, %q", s.sent, s.told, sent, told)
	}
}

func TestServicesMayShareALoginThatDoesNotRotate(t *testing.T) {
	s := newSharers(t, rotates(""))
	for _, service := range []string{"a", "b", "a", "b"} {
		if _, err := s.refresh(service, "first", false); err != nil {
			t.Fatal(err)
		}
	}
	s.want([]string{"first", "first", "first", "first"}, []string{"b shares with a"})
}

func TestASpentRefreshTokenIsNotSentByAnother(t *testing.T) {
	s := newSharers(t, rotates(""))
	for _, service := range []string{"a", "b"} {
		if _, err := s.refresh(service, "first", false); err != nil {
			t.Fatal(err)
		}
	}
	s.answers(rotates("second"))
	if _, err := s.refresh("a", "first", false); err != nil {
		t.Fatal(err)
	}
	for i, asked := range []bool{false, false, true} {
		_, err := s.refresh("b", "first", asked)
		const text = "services b and a live on one refresh token, which a has used and the server has replaced: log in anew and replace refresh_token of b"
		if err == nil || err.Class != messages.ClassRejected || err.Text != text || (err.Lost != "") != (i == 0) || err.Wait >= 0 {
			t.Fatalf("%d: %+v", i, err)
		}
	}
	s.answers(rotates("third"))
	if _, err := s.refresh("a", "first", false); err != nil { // it goes on
		t.Fatal(err)
	}
	if _, err := s.refresh("b", "own", false); err != nil { // and so does b, with a login of its own
		t.Fatal(err)
	}
	s.want([]string{"first", "first", "first", "second", "own"}, []string{"b shares with a", "b spent by a"})
}

// One that comes later sends nothing, whoever's login it is by then.
func TestALoginThatWasUsedUpBeforeIsNotUsed(t *testing.T) {
	for name, text := range map[string]string{"as it was configured": "first", "as it was before": "second"} {
		t.Run(name, func(t *testing.T) {
			s := newSharers(t, rotates("second"))
			_, _ = s.refresh("a", "first", false)
			s.answers(rotates("third"))
			_, _ = s.refresh("a", "first", false)
			if _, err := s.refresh("b", text, false); err == nil || err.Lost == "" {
				t.Fatalf("%+v", err)
			}
			s.want([]string{"first", "second"}, nil)
		})
	}
}

func TestTheNextProcessKnowsWhoHasSpentALogin(t *testing.T) {
	s := newSharers(t, rotates("second"))
	_, _ = s.refresh("a", "first", false)
	g := Grant(client(t, s.url))
	first := Text{Secret: messages.NewSecret("first")}
	s.logins = NewLogins(Sharing{Spent: func(service, by string) { s.hear(service + " spent by " + by) }})
	s.logins.Recall("a", &g, first, s.states["a"])
	s.logins.Recall("b", &g, first, State{})
	if _, err := s.refresh("b", "first", false); err == nil || err.Lost == "" {
		t.Fatalf("%+v", err)
	}
	s.logins = NewLogins(Sharing{}) // nor does the one after it, whoever is recalled
	if _, err := s.refresh("b", "first", false); err == nil || err.Lost != "" || err.Wait >= 0 || !strings.Contains(err.Text, "services b and a live on one") {
		t.Fatalf("%+v", err)
	}
	s.want([]string{"first"}, nil)
	s.answers(rotates(""))
	if _, err := s.refresh("b", "first", true); err != nil { // but someone who asks, where no one knows better
		t.Fatal(err)
	}
}

func TestLoginsOfOthersAreLeftAlone(t *testing.T) {
	for name, edit := range map[string]func(*RefreshToken){
		"of another client":    func(r *RefreshToken) { r.ClientID = "other" },
		"at another endpoint":  func(r *RefreshToken) { r.TokenURL += "/other" },
		"that a fallback made": nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSharers(t, rotates("second"))
			if edit == nil { // then the login is lost, and what came of the fallback is not the login's
				s.answers(spent("invalid_grant"))
				edit = func(r *RefreshToken) { r.Fallback = &spare{answer: helps("anew")} }
			}
			_, _ = s.refresh("a", "first", false, edit)
			s.answers(rotates("third"))
			if _, err := s.refresh("b", "first", false); err != nil {
				t.Errorf("%+v", err)
			}
		})
	}
}

func TestAFallbackServesInPlaceOfASpentLogin(t *testing.T) {
	s := newSharers(t, rotates("second"))
	_, _ = s.refresh("a", "first", false)
	res, err := s.refresh("b", "first", false, func(r *RefreshToken) { r.Fallback = &spare{answer: helps("")} })
	if err != nil || res.AccessToken.Reveal() != "spare-at" || res.Lost == "" || res.Probe != 0 {
		t.Errorf("%+v, %v", err, res.Lost)
	}
	s.want([]string{"first"}, nil)
}

// Two at a time would both send what is good for one use.
func TestOneServiceAtATimeUsesARefreshToken(t *testing.T) {
	come, answer := make(chan struct{}, 2), make(chan struct{})
	s := newSharers(t, func(w http.ResponseWriter, r *http.Request) {
		come <- struct{}{}
		<-answer
		rotates("second")(w, r)
	})
	s.states["a"], s.states["b"] = State{}, State{}
	fails := make(chan *Error, 2)
	for _, service := range []string{"a", "b"} {
		p, err := NewRefreshToken(RefreshToken{Grant: Grant(client(t, s.url)), RefreshToken: hush("first"), Logins: s.logins})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := Acquire(t.Context(), p, Request{Service: service})
			if err == nil {
				fails <- nil
				return
			}
			fails <- asError(t, err)
		}()
	}
	<-come
	brief, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	p, err := NewRefreshToken(RefreshToken{Grant: Grant(client(t, s.url)), RefreshToken: hush("first"), Logins: s.logins})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(brief, p, Request{Service: "impatient"}); asError(t, err).Class != messages.ClassTransient {
		t.Errorf("%v", err)
	}
	close(answer)
	one, other := <-fails, <-fails
	if one == nil {
		one, other = other, one
	}
	if one == nil || other != nil || one.Lost == "" || len(s.sent) != 1 {
		t.Errorf("%+v, %+v, sent %q", one, other, s.sent)
	}
}
