package tests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// loginAt returns a service that lives on the login whose refresh token is in that
// file.
func loginAt(url, file string) config.Service {
	return config.Service{Provider: config.KindRefreshToken, RefreshToken: &config.RefreshToken{
		OAuth:        config.OAuth{TokenURL: url, ClientID: "probe", ClientAuth: config.AuthNone, Scopes: []string{"read", "write"}},
		RefreshToken: config.NewSecret("${file:" + file + "}"),
	}}
}

// refreshed is an answer with a new refresh token.
func refreshed(n int, scope string) idptest.Answer {
	return idptest.Answer{Body: fmt.Sprintf(`{"access_token":"%s-at-%d","expires_in":3600,"scope":"%s","refresh_token":"%s-rt-%d"}`,
		idptest.Canary, n, scope, idptest.Canary, n)}
}

// process is one of several that live on a vault, one after the other.
type process struct {
	*world
	events <-chan messages.Event
}

func startProcess(t *testing.T, s setup) *process {
	t.Helper()
	w := begin(t, idptest.New(), s)
	return &process{w, w.sys.Subscribe(context.Background(), billing)}
}

// end stops the process and returns the logins that it has found to be lost.
func (p *process) end() (lost []*messages.LoginLost) {
	p.Helper()
	if err := p.sys.Stop(context.Background()); err != nil {
		p.Error(err)
	}
	for e := range p.events {
		if l, ok := e.(*messages.LoginLost); ok {
			lost = append(lost, l)
		}
	}
	return lost
}

func TestALostLoginIsToldOnceByAllProcessesTogether(t *testing.T) {
	endpoint := idptest.NewEndpoint(t)
	file := filepath.Join(t.TempDir(), "login")
	logIn := func(token string) {
		if err := os.WriteFile(file, []byte(idptest.Canary+token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	logIn("one")
	s := setup{vault: kept(t), services: map[string]config.Service{billing: loginAt(endpoint.URL, file)}}
	refused := idptest.Answer{Status: 400, Body: `{"error":"invalid_grant"}`}
	for i, step := range []struct {
		answer idptest.Answer
		fails  bool
		lost   int
	}{
		{refreshed(1, "read write"), false, 0},
		{refused, true, 1}, // and so is the refresh token before
		{refused, true, 0},
		{refreshed(2, "read write"), false, 0}, // of another login
		{refused, true, 1},
	} {
		if i == 3 {
			logIn("two")
		}
		endpoint.Play(step.answer)
		w := startProcess(t, s)
		err := w.sys.Refresh(t.Context(), billing)
		if (err != nil) != step.fails {
			t.Fatalf("%d: %v", i, err)
		}
		lost := w.end()
		if len(lost) != step.lost {
			t.Fatalf("%d: told %d times", i, len(lost))
		}
		const line = "login lost, somebody must log in anew"
		if logged := strings.Count(w.logs.String(), line); logged != step.lost {
			t.Errorf("%d: %d lines in the log", i, logged)
		}
		for _, e := range lost {
			want := "400 invalid_grant: log in anew and replace refresh_token in " + file
			if f := e.Failure; f.Text != want || f.Class != messages.ClassRejected || f.Attempts != 1 || e.State != messages.StateDegraded {
				t.Errorf("%d: %+v in state %s", i, f, e.State)
			}
			if !strings.Contains(w.logs.String(), "level=error msg=\""+line) || !strings.Contains(w.logs.String(), file) {
				t.Errorf("%d: the log does not say what to do:\n%s", i, w.logs)
			}
		}
	}
}

// A login outlives a restart with other scopes: only the provider knows which
// refresh token is of which login.
func TestARotatedLoginOutlivesAnotherConfiguration(t *testing.T) {
	endpoint := idptest.NewEndpoint(t)
	file := filepath.Join(t.TempDir(), "login")
	if err := os.WriteFile(file, []byte(idptest.Canary+"one"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := setup{vault: kept(t), services: map[string]config.Service{billing: loginAt(endpoint.URL, file)}}
	endpoint.Play(refreshed(1, "read"), refreshed(2, "read"))
	w := startProcess(t, s)
	if err := w.sys.Refresh(t.Context(), billing); err != nil {
		t.Fatal(err)
	}
	if info, err := w.sys.Info(t.Context(), billing); err != nil || !slices.Equal(info.ScopesMissing, []string{"write"}) {
		t.Errorf("missing %q, %v", info.ScopesMissing, err)
	}
	w.end()
	if n := strings.Count(w.logs.String(), "fewer scopes were granted than asked for"); n != 1 {
		t.Errorf("%d warnings", n)
	}

	other := s.services[billing]
	other.RefreshToken.Scopes = []string{"read"}
	w = startProcess(t, s)
	if err := w.sys.Refresh(t.Context(), billing); err != nil {
		t.Fatal(err)
	}
	w.end()
	asked := endpoint.Asked()
	if got := asked[len(asked)-1].Form.Get("refresh_token"); got != idptest.Canary+"-rt-1" {
		t.Error("the rotated refresh token is lost")
	}
}

// The answer to a refresh that is under way when the node stops is the only way to
// the next refresh token.
func TestP9AStopLosesNoLogin(t *testing.T) {
	endpoint := idptest.NewEndpoint(t)
	file := filepath.Join(t.TempDir(), "login")
	if err := os.WriteFile(file, []byte(idptest.Canary+"one"), 0o600); err != nil {
		t.Fatal(err)
	}
	slow := refreshed(1, "read")
	slow.Delay = 200 * time.Millisecond
	endpoint.Play(slow, refreshed(2, "read"))
	s := setup{vault: kept(t), services: map[string]config.Service{billing: loginAt(endpoint.URL, file)}}
	w := startProcess(t, s)
	failed := make(chan error, 1)
	go func() { failed <- w.sys.Refresh(context.Background(), billing) }()
	for len(endpoint.Asked()) == 0 {
		time.Sleep(time.Millisecond)
	}
	w.end()
	if err := <-failed; err == nil {
		t.Error("the caller was not told that the node stops")
	}
	w = startProcess(t, s)
	if err := w.sys.Refresh(t.Context(), billing); err != nil {
		t.Fatal(err)
	}
	w.end()
	asked := endpoint.Asked()
	if got := asked[len(asked)-1].Form.Get("refresh_token"); got != idptest.Canary+"-rt-1" {
		t.Error("the rotated refresh token is lost")
	}
}

// What a process finds out while it ends it tells nobody any more.
func TestALoginThatIsLostAsTheProcessEndsIsToldByTheNext(t *testing.T) {
	endpoint := idptest.NewEndpoint(t)
	file := filepath.Join(t.TempDir(), "login")
	if err := os.WriteFile(file, []byte(idptest.Canary+"one"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := idptest.Answer{Status: 400, Body: `{"error":"invalid_grant"}`}
	slow := refused
	slow.Delay = 200 * time.Millisecond
	endpoint.Play(slow, refused, refused)
	s := setup{vault: kept(t), services: map[string]config.Service{billing: loginAt(endpoint.URL, file)}}
	w := startProcess(t, s)
	ended := make(chan error, 1)
	go func() { ended <- w.sys.Refresh(context.Background(), billing) }()
	for len(endpoint.Asked()) == 0 {
		time.Sleep(time.Millisecond)
	}
	told := []int{len(w.end())}
	<-ended
	for range 2 {
		w = startProcess(t, s)
		if err := w.sys.Refresh(t.Context(), billing); err == nil {
			t.Error("a token came")
		}
		told = append(told, len(w.end()))
	}
	if !slices.Equal(told, []int{0, 1, 0}) {
		t.Errorf("told %d times", told)
	}
}

func TestALoginIsUsedThoughNobodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "login")
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		w := begin(t, idptest.New(), setup{services: map[string]config.Service{billing: loginAt("https://idp.example/token", file)}})
		if err := os.Remove(file); err != nil { // so that nothing is sent: what counts is when it is tried
			t.Fatal(err)
		}
		pass(24*time.Hour - 24*time.Hour/10 - time.Nanosecond)
		if info := w.info(billing); info.LastError != nil || info.Needed {
			t.Fatalf("tried too early: %+v", info)
		}
		pass(24 * time.Hour / 10)
		if info := w.info(billing); info.LastError == nil || info.Needed {
			t.Errorf("not tried: %+v", info)
		}
		w.ready(true)
	})
}
