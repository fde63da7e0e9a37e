package system

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tokend/config"
)

// lostLogins is an IdP that knows no refresh token, but every client.
func lostLogins(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.FormValue("grant_type") == "refresh_token" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, `{"error":"invalid_grant"}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"access_token":"own","expires_in":3600}`)
	}))
	t.Cleanup(server.Close)
	return server
}

// turnstile is an IdP that answers one request each time it is told to.
type turnstile struct {
	*httptest.Server
	let          chan struct{}
	inside, most atomic.Int64
}

func newTurnstile(t *testing.T) *turnstile {
	i := &turnstile{let: make(chan struct{})}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := i.inside.Add(1); n > i.most.Load() {
			i.most.Store(n) // two at a time would be a failure already
		}
		defer i.inside.Add(-1)
		select {
		case <-i.let:
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"access_token":"spare","expires_in":3600}`)
	}))
	t.Cleanup(func() {
		i.CloseClientConnections()
		i.Close()
	})
	return i
}

func (i *turnstile) host() string { return strings.TrimPrefix(i.URL, "http://") }

func oauthAt(url string) config.OAuth {
	return config.OAuth{TokenURL: url, ClientID: "c", ClientSecret: config.NewSecret("s3cret")}
}

// falling is a service whose login is lost at one IdP, and whose fallback is another.
func falling(login, spare string) config.Service {
	cc := config.ClientCredentials(oauthAt(spare))
	return config.Service{
		Provider: config.KindRefreshToken, Settings: config.Settings{Eager: new(true)},
		RefreshToken: &config.RefreshToken{
			OAuth: oauthAt(login), RefreshToken: config.NewSecret("r3fresh"),
			Fallback: &config.Fallback{Provider: config.KindClientCredentials, ClientCredentials: &cc},
		},
	}
}

// at returns how busy the gate of a host is, and whether there is one.
func (s *System) at(host string) (GateStats, bool) {
	all := s.Gates()
	i := slices.IndexFunc(all, func(g GateStats) bool { return g.Host == host })
	if i < 0 {
		return GateStats{}, false
	}
	return all[i], true
}

// eventually waits until something holds, which it must at some time.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// TestAFallbacksHostIsBounded has three services fall back on one IdP at once, each
// from a host of its own.
func TestAFallbacksHostIsBounded(t *testing.T) {
	spare := newTurnstile(t)
	cfg := &config.Config{Limits: config.Limits{InFlightPerHost: 1}, Services: map[string]config.Service{}}
	cfg.Defaults.Timeout = new(time.Minute)
	var logins []*httptest.Server
	for i := range 3 {
		logins = append(logins, lostLogins(t))
		cfg.Services[fmt.Sprint("s", i)] = falling(logins[i].URL, spare.URL)
	}
	cc := config.ClientCredentials(oauthAt(logins[0].URL))
	cfg.Services["own"] = config.Service{Provider: config.KindClientCredentials, ClientCredentials: &cc}
	s := newSystem(t, cfg)
	start(t, s)
	eventually(t, "one is asked, two wait", func() bool {
		g, _ := s.at(spare.host())
		return g.InFlight == 1 && g.Queued == 2 && spare.inside.Load() == 1
	})
	if tok, err := s.Token(t.Context(), "own"); err != nil || tok.Value() != "own" {
		t.Errorf("a host that has nothing more to do with it: %v, %v", tok, err)
	}
	for range 3 {
		spare.let <- struct{}{}
	}
	for i := range 3 {
		if tok, err := s.Token(t.Context(), fmt.Sprint("s", i)); err != nil || tok.Value() != "spare" {
			t.Errorf("s%d: %v, %v", i, tok, err)
		}
	}
	if most := spare.most.Load(); most != 1 {
		t.Errorf("%d at a time", most)
	}
	eventually(t, "nobody needs that gate", func() bool {
		_, there := s.at(spare.host())
		return !there
	})
}

// TestAFallbackWithoutAPlaceIsTriedAgain fills the host of a fallback for longer than
// an attempt may take.
func TestAFallbackWithoutAPlaceIsTriedAgain(t *testing.T) {
	spare, login := newTurnstile(t), lostLogins(t)
	cc := config.ClientCredentials(oauthAt(spare.URL))
	first := config.Service{Provider: config.KindClientCredentials, ClientCredentials: &cc, Settings: config.Settings{Eager: new(true), Timeout: new(time.Minute)}}
	falls := falling(login.URL, spare.URL)
	falls.Eager, falls.Timeout = nil, new(500*time.Millisecond)
	s := newSystem(t, &config.Config{
		Limits: config.Limits{InFlightPerHost: 1}, Services: map[string]config.Service{"first": first, "falls": falls},
	})
	start(t, s)
	eventually(t, "the first is asked for", func() bool { return spare.inside.Load() == 1 })
	eventually(t, "its time is up", func() bool {
		_, err := s.Token(t.Context(), "falls")
		return err != nil && strings.Contains(err.Error(), "too many acquisitions are under way at "+spare.host())
	})
	close(spare.let)
	eventually(t, "the fallback helps", func() bool {
		tok, err := s.Token(t.Context(), "falls")
		return err == nil && tok.Value() == "spare"
	})
	if most := spare.most.Load(); most != 1 {
		t.Errorf("%d at a time", most)
	}
}

// TestAFallbackFindsItsGateStopped has a host stop an actor of ours, as it can.
func TestAFallbackFindsItsGateStopped(t *testing.T) {
	spare, login := newTurnstile(t), lostLogins(t)
	close(spare.let)
	cc := config.ClientCredentials(oauthAt(spare.URL))
	s := newSystem(t, &config.Config{Services: map[string]config.Service{
		"own": {Provider: config.KindClientCredentials, ClientCredentials: &cc}, "falls": falling(login.URL, spare.URL),
	}})
	if err := s.gates.root.StopFuture(s.gates.of(spare.host())).Wait(); err != nil {
		t.Fatal(err)
	}
	start(t, s)
	if tok, err := s.Token(t.Context(), "falls"); err != nil || tok.Value() != "spare" {
		t.Errorf("%v, %v", tok, err)
	}
}

// TestAFallbackAtTheSameHostHasItsPlaceAlready would wait for itself otherwise.
func TestAFallbackAtTheSameHostHasItsPlaceAlready(t *testing.T) {
	login := lostLogins(t)
	s := newSystem(t, &config.Config{
		Limits: config.Limits{InFlightPerHost: 1}, Services: map[string]config.Service{"a": falling(login.URL+"/a", login.URL+"/b")},
	})
	start(t, s)
	if tok, err := s.Token(t.Context(), "a"); err != nil || tok.Value() != "own" {
		t.Errorf("%v, %v", tok, err)
	}
}
