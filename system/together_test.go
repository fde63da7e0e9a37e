package system

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
)

// replaceFile puts another file in a file's place.
func replaceFile(t *testing.T, path, text string) {
	t.Helper()
	writeFile(t, path+".next", text)
	if err := os.Rename(path+".next", path); err != nil {
		t.Fatal(err)
	}
}

// A file that is the token itself is watched as one that holds a secret is.
func TestAChangedFileOfATokenIsReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "token")
		s := newSystem(t, &config.Config{Services: map[string]config.Service{"a": {
			Provider: config.KindFile, Settings: config.Settings{Eager: new(true)}, File: &config.File{Path: path},
		}}})
		writeFile(t, path, "one")
		start(t, s)
		for i, text := range []string{"one", "two", "two", "three"} {
			replaceFile(t, path, text)
			time.Sleep(watchEvery + settleTime)
			synctest.Wait()
			tok, err := s.Token(t.Context(), "a")
			if err != nil || tok.Value() != text {
				t.Errorf("%d: %v of %q, %v", i, tok, text, err)
			}
		}
		time.Sleep(time.Hour)
		if info, err := s.Info(t.Context(), "a"); err != nil || info.Counters.Refreshes != 3 || info.Generation != 3 {
			t.Errorf("%d acquisitions, generation %d, %v", info.Counters.Refreshes, info.Generation, err)
		}
	})
}

// told is an IdP that answers as it is told, by what it is shown: a refresh token or
// a password.
type told struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]string // bodies; one that is not there is a refusal
	shown   []string
	hold    map[string]chan struct{} // closed when the answer may go
	here    chan string              // what was shown, as soon as it is held
}

func newTold(t *testing.T) *told {
	i := &told{answers: map[string]string{}, hold: map[string]chan struct{}{}, here: make(chan string, 8)}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

func (i *told) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	shown := r.FormValue("refresh_token") + r.FormValue("password")
	i.mu.Lock()
	i.shown = append(i.shown, shown)
	body, held := i.answers[shown], i.hold[shown]
	i.mu.Unlock()
	if held != nil {
		i.here <- shown
		<-held
	}
	w.Header().Set("Content-Type", "application/json")
	if body == "" {
		w.WriteHeader(http.StatusBadRequest)
		body = `{"error":"invalid_grant"}`
	}
	_, _ = fmt.Fprint(w, body)
}

func (i *told) was(t *testing.T, want ...string) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if !slices.Equal(i.shown, want) {
		t.Errorf("was shown %q, want %q", i.shown, want)
	}
}

// livingOn returns a service that lives on the login in a file, and is needed.
func livingOn(url, path string, fallback *config.Fallback) config.Service {
	return config.Service{Provider: config.KindRefreshToken, RefreshToken: &config.RefreshToken{
		OAuth:        config.OAuth{TokenURL: url, ClientID: "me", ClientAuth: config.AuthNone},
		RefreshToken: config.NewSecret("${file:" + path + "}"), Fallback: fallback,
	}}
}

// acquired waits for a token that came of nobody's asking.
func acquired(t *testing.T, events <-chan messages.Event) {
	t.Helper()
	for e := range events {
		switch e.(type) {
		case *messages.TokenAcquired, *messages.TokenRefreshed:
			return
		}
	}
	t.Fatal("no token came")
}

// byHand ends the watching, so that only the test looks at files.
func byHand(s *System) {
	s.mu.Lock()
	s.unwatch()
	s.mu.Unlock()
	s.watching.Wait()
}

// Somebody logs in anew while the old login is in use: what comes of that is not
// taken for the new login's, in this process and the next.
func TestALoginThatIsReplacedWhileItIsInUse(t *testing.T) {
	idp, dir := newTold(t), t.TempDir()
	path, key := filepath.Join(dir, "login"), config.NewSecret(strings.Repeat("6b", 32))
	idp.answers["one"] = `{"access_token":"at-1","expires_in":3600,"refresh_token":"one-b"}`
	idp.answers["one-b"] = `{"access_token":"at-2","expires_in":3600,"refresh_token":"one-c"}`
	idp.answers["two"] = `{"access_token":"at-3","expires_in":3600,"refresh_token":"two-b"}`
	idp.answers["two-b"] = `{"access_token":"at-4","expires_in":3600,"refresh_token":"two-c"}`
	idp.hold["one-b"] = make(chan struct{})
	writeFile(t, path, "one")
	cfg := &config.Config{
		Vault:    config.Vault{Path: filepath.Join(dir, "v", "vault"), Keys: []config.Secret{key}},
		Services: map[string]config.Service{"a": livingOn(idp.URL, path, nil)},
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := newSystem(t, cfg)
	events := s.Subscribe(ctx)
	start(t, s)
	byHand(s)
	if _, err := s.Token(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	acquired(t, events)
	refreshed := make(chan error, 1)
	go func() { refreshed <- s.Refresh(ctx, "a") }()
	<-idp.here
	replaceFile(t, path, "two")
	s.lookAround(ctx) // calls the refresh off
	close(idp.hold["one-b"])
	acquired(t, events)
	if err := <-refreshed; err != nil {
		t.Error(err)
	}
	if tok, err := s.Token(ctx, "a"); err != nil || tok.Value() != "at-3" {
		t.Errorf("%v, %v", tok, err)
	}
	idp.was(t, "one", "one-b", "two")
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}

	s = newSystem(t, cfg)
	start(t, s)
	if tok, err := s.Token(ctx, "a"); err != nil || tok.Value() != "at-3" {
		t.Errorf("%v, %v", tok, err)
	}
	if err := s.Refresh(ctx, "a"); err != nil {
		t.Error(err)
	}
	idp.was(t, "one", "one-b", "two", "two-b")
}

// The secret of a fallback counts as that of its service.
func TestACorrectedFallbackIsAskedAtOnce(t *testing.T) {
	idp, dir := newTold(t), t.TempDir()
	path, password := filepath.Join(dir, "login"), filepath.Join(dir, "password")
	idp.answers["correct"] = `{"access_token":"at","expires_in":3600}`
	writeFile(t, path, "one")
	writeFile(t, password, "wrong")
	s := newSystem(t, &config.Config{Services: map[string]config.Service{"a": livingOn(idp.URL, path, &config.Fallback{
		Provider: config.KindPassword, Password: &config.Password{
			OAuth:    config.OAuth{TokenURL: idp.URL, ClientID: "me", ClientAuth: config.AuthNone},
			Username: "me", Password: config.NewSecret("${file:" + password + "}"),
		},
	})}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	events := s.Subscribe(ctx)
	start(t, s)
	byHand(s)
	if _, err := s.Token(ctx, "a"); err == nil {
		t.Fatal("a token came")
	}
	replaceFile(t, password, "correct")
	s.lookAround(ctx)
	acquired(t, events)
	idp.was(t, "one", "wrong", "correct")
}

// A refresh that is waited for when the System stops leaves no connection open.
func TestP9AStopClosesTheConnectionOfARefreshThatItWaitedFor(t *testing.T) {
	idp, dir := newTold(t), t.TempDir()
	closed := make(chan struct{}, 8)
	server := httptest.NewUnstartedServer(idp)
	server.EnableHTTP2 = true
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	idp.answers["one"] = `{"access_token":"at-1","expires_in":3600,"refresh_token":"one-b"}`
	idp.hold["one"] = make(chan struct{})
	writeFile(t, filepath.Join(dir, "ca"), asPEM("CERTIFICATE", server.Certificate().Raw))
	writeFile(t, filepath.Join(dir, "login"), "one")
	svc := livingOn(server.URL, filepath.Join(dir, "login"), nil)
	svc.TLS, svc.Eager = &config.TLS{CAFile: filepath.Join(dir, "ca")}, new(true)
	s := newSystem(t, &config.Config{Services: map[string]config.Service{"a": svc}})
	start(t, s)
	<-idp.here
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	<-s.ended // the flight was called off
	close(idp.hold["one"])
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	select {
	case <-closed:
	case <-time.After(10 * time.Second): // a kept connection is closed after 30 s
		t.Error("a connection is left")
	}
}
