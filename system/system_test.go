package system

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
)

// vending makes providers whose tokens live for an hour.
func vending(string, map[string]any) (provider.Provider, error) {
	n := 0
	return provider.Func(func(context.Context, provider.Request) (provider.Result, error) {
		n++
		return provider.Result{AccessToken: messages.NewSecret(fmt.Sprint("token-", n)), Lifetime: time.Hour}, nil
	}), nil
}

func services(names ...string) *config.Config {
	cfg := &config.Config{Services: make(map[string]config.Service)}
	for _, name := range names {
		cfg.Services[name] = config.Service{Provider: "vending"}
	}
	return cfg
}

func newSystem(t *testing.T, cfg *config.Config, opts ...Option) *System {
	t.Helper()
	log, _ := test.NewNullLogger()
	s, err := New(cfg, append([]Option{WithLogger(log), WithProvider("vending", vending)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOptionsAreChecked(t *testing.T) {
	tests := map[string]struct {
		opt  Option
		want string
	}{
		"no logger":          {WithLogger(nil), "WithLogger"},
		"no actor system":    {WithActorSystem(nil), "WithActorSystem"},
		"no clock":           {WithClock(nil), "WithClock"},
		"no name":            {WithName(""), "WithName"},
		"a name with slash":  {WithName("a/b"), "WithName"},
		"nil":                {nil, "option 1 is nil"},
		"no factory":         {WithProvider("x", nil), "no factory"},
		"no kind":            {WithProvider("", vending), "no kind"},
		"a kind of tokend's": {WithProvider(config.KindLogin, vending), "built in"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := New(services(), tt.opt); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v", err)
			}
		})
	}
	if _, err := New(nil); err == nil {
		t.Error("no configuration is no error")
	}
}

func TestWhatIsWrongWithServicesIsToldWithItsPath(t *testing.T) {
	tests := map[string]struct {
		service config.Service
		factory Factory
		want    string
	}{
		"unknown kind":  {config.Service{Provider: "nope"}, vending, `services.billing.provider: unknown kind "nope"`},
		"bad options":   {config.Service{Provider: "own"}, func(string, map[string]any) (provider.Provider, error) { return nil, errors.New("rate: missing") }, "services.billing.options: rate: missing"},
		"no provider":   {config.Service{Provider: "own"}, func(string, map[string]any) (provider.Provider, error) { return nil, nil }, "made none"},
		"bad reference": {config.Service{Provider: "own", Options: config.NewTree(map[string]any{"a": "${env:TOKEND_TEST_NOT_SET}"})}, vending, "services.billing.options"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := New(&config.Config{Services: map[string]config.Service{"billing": tt.service}}, WithProvider("own", tt.factory))
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(config.Errors(err)) == 0 {
				t.Errorf("err = %v", err)
			}
		})
	}
}

// Every actor that has no parent may find its name taken in a host's system.
// Start says which, and leaves nothing behind.
func TestATakenNameFailsTheStart(t *testing.T) {
	for _, taken := range []string{"tokend/publisher", "service", "tokend"} {
		t.Run(taken, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host := actor.NewActorSystem()
				squatter, err := host.Root.SpawnNamed(actor.PropsFromFunc(func(actor.Context) {}), taken)
				if err != nil {
					t.Fatal(err)
				}
				s := newSystem(t, services("billing"), WithActorSystem(host))
				err = s.Start(t.Context())
				if !errors.Is(err, actor.ErrNameExists) || !strings.Contains(err.Error(), taken) {
					t.Errorf("err = %v", err)
				}
				if err := s.Stop(t.Context()); err != nil {
					t.Error(err)
				}
				if _, err := s.Token(t.Context(), "billing"); !errors.Is(err, messages.ErrStopped) {
					t.Errorf("err = %v", err)
				}
				if p, ok := host.ProcessRegistry.Get(squatter); !ok || p == nil {
					t.Error("the host's own actor is gone")
				}
				host.Root.Stop(squatter)
			})
		})
	}
}

func TestAGateWhoseNameIsTakenGetsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := actor.NewActorSystem()
		squatter, err := host.Root.SpawnNamed(actor.PropsFromFunc(func(actor.Context) {}), "tokend/gate/kind:vending")
		if err != nil {
			t.Fatal(err)
		}
		s := newSystem(t, services("billing"), WithActorSystem(host))
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if tok, err := s.Token(t.Context(), "billing"); err != nil || tok.Value() != "token-1" {
			t.Errorf("%v, %v", tok.Value(), err)
		}
		next := services("billing")
		next.Limits.InFlightPerHost = 1
		if err := s.Apply(t.Context(), next); err != nil {
			t.Error(err)
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		host.Root.Stop(squatter)
	})
}

func TestApplyNeedsARunningSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSystem(t, services("billing"))
		if err := s.Apply(t.Context(), services()); !errors.Is(err, messages.ErrStopped) {
			t.Errorf("before Start: %v", err)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(t.Context(), nil); err == nil {
			t.Error("no configuration is no error")
		}
		plain := services("billing")
		plain.Vault.Memory = "plain"
		if err := s.Apply(t.Context(), plain); err == nil || !strings.Contains(err.Error(), "vault.memory") {
			t.Errorf("err = %v", err)
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Apply(t.Context(), services()); !errors.Is(err, messages.ErrStopped) {
			t.Errorf("after Stop: %v", err)
		}
	})
}

func TestWhoWatchesTheRouterLearnsOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := actor.NewActorSystem()
		s := newSystem(t, services("billing"), WithActorSystem(host))
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		told := make(chan string, 1)
		watcher := host.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
			switch m := c.Message().(type) {
			case *actor.Started:
				c.Watch(s.PID())
			case *actor.Terminated:
				told <- m.Who.Id
			}
		}))
		synctest.Wait()
		host.Root.Stop(s.PID()) // not how a System is stopped
		synctest.Wait()
		if tok, err := s.Token(t.Context(), "billing"); err != nil || tok.Value() != "token-1" {
			t.Errorf("%v, %v", tok.Value(), err)
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if who := <-told; who != "service" {
			t.Errorf("told of %s", who)
		}
		host.Root.Stop(watcher)
	})
}

func TestTheRouterAnswersWhatItDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSystem(t, services("billing"))
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ActorSystem().Root.RequestFuture(s.PID(), "hello", time.Second).Result(); !errors.Is(err, actor.ErrDeadLetter) {
			t.Errorf("err = %v", err)
		}
		s.ActorSystem().Root.Send(s.PID(), &messages.GetToken{Service: "nope"}) // nobody to answer
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestErrorsHaveTheirGRPCCodes(t *testing.T) {
	tests := map[error]codes.Code{
		messages.ErrRejected:        codes.Unauthenticated,
		messages.ErrTimeout:         codes.DeadlineExceeded,
		messages.ErrDenied:          codes.PermissionDenied,
		messages.ErrUnknownService:  codes.Internal,
		messages.ErrUnavailable:     codes.Unavailable,
		messages.ErrInvalidResponse: codes.Unavailable,
		messages.ErrOverloaded:      codes.Unavailable,
		messages.ErrStopped:         codes.Unavailable,
	}
	for kind, want := range tests {
		err := fmt.Errorf("call: %w", &rpcError{&messages.Error{Kind: kind, Service: "billing"}})
		st, ok := status.FromError(err)
		if !ok || st.Code() != want || !errors.Is(err, kind) {
			t.Errorf("%v has code %v", kind, st.Code())
		}
	}
}

func TestWhereNobodyCanRead(t *testing.T) {
	tests := map[string]bool{
		"https://api.example/":      true,
		"http://127.0.0.1:80/":      true,
		"http://127.9.9.9/":         true,
		"http://[::1]:8080/":        true,
		"http://localhost/":         true,
		"http://LOCALHOST:1/":       true,
		"http://api.example/":       false,
		"http://localhost.evil/":    false,
		"http://127.0.0.1.evil/":    false,
		"http://[::ffff:7f00:1]/":   true,
		"http://10.0.0.1/":          false,
		"ftp://127.0.0.1.example/x": false,
	}
	for text, want := range tests {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := private(u); got != want {
			t.Errorf("private(%s) = %v", text, got)
		}
	}
}

func TestABodyThatCannotBeHadAgainIsNotReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSystem(t, services("billing"))
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		sent := 0
		base := roundTripper(func(*http.Request) (*http.Response, error) {
			sent++
			return &http.Response{StatusCode: http.StatusUnauthorized, Body: http.NoBody}, nil
		})
		req, err := http.NewRequest(http.MethodPost, "https://api.example/", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		req.GetBody = nil
		resp, err := s.Transport("billing", base).RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusUnauthorized || sent != 1 {
			t.Errorf("%v, %v, sent %d times", resp, err, sent)
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A redirect that left the origin chose where the next request goes, wherever
// that is.
func TestWhoLeftTheOriginHasLostTheToken(t *testing.T) {
	hop := func(url string, from *http.Request) *http.Request {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if from != nil {
			req.Response = &http.Response{Request: from}
		}
		return req
	}
	home := hop("https://api.example/", nil)
	tests := map[string]struct {
		req  *http.Request
		want bool
	}{
		"no redirect":             {home, true},
		"within the origin":       {hop("https://api.example/next", hop("https://API.example:443/more", home)), true},
		"to another":              {hop("https://evil.example/", home), false},
		"there and back":          {hop("https://api.example/transfer", hop("https://evil.example/", home)), false},
		"to another port":         {hop("https://api.example:8443/", home), false},
		"nobody knows from where": {&http.Request{URL: home.URL, Response: &http.Response{}}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := stayed(tt.req); got != tt.want {
				t.Errorf("stayed = %v", got)
			}
		})
	}
}

// hanging is the body of an answer that never comes to its end.
type hanging struct{ closed chan struct{} }

func (h hanging) Read([]byte) (int, error) { <-h.closed; return 0, http.ErrBodyReadAfterClose }
func (h hanging) Close() error             { close(h.closed); return nil }

func TestTheReplayWaitsForNoBodyAndShowsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSystem(t, services("billing"))
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		var seen []string
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			seen = append(seen, r.Header.Get("Authorization"))
			if len(seen) == 1 {
				return &http.Response{StatusCode: http.StatusUnauthorized, Body: hanging{make(chan struct{})}, Request: r}, nil
			}
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
		})
		req, err := http.NewRequest(http.MethodGet, "https://api.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.Transport("billing", base).RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", resp, err)
		}
		if len(seen) != 2 || seen[0] != "Bearer token-1" || seen[1] != "Bearer token-2" {
			t.Errorf("sent %q", seen)
		}
		if resp.Request != req || req.Header.Get("Authorization") != "" {
			t.Error("the token is in the request that the caller sees")
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestACrewCannotBeJoinedAfterItsEnd(t *testing.T) {
	var c crew
	done := false
	if !c.join(func() { done = true }) {
		t.Error("could not join")
	}
	c.wait()
	if !done || c.join(func() {}) {
		t.Error("wait came too early, or somebody joined after it")
	}
}

func TestEventsAreLoggedAtTheLevelOfTheirAudience(t *testing.T) {
	about := func(state string) messages.Occurrence {
		return messages.Occurrence{
			Service: "billing", At: time.Unix(100, 0), State: state, Generation: 2, Fingerprint: "f", ExpiresAt: time.Unix(160, 0),
		}
	}
	rejected := messages.Failure{Class: messages.ClassRejected, Text: "401", Attempts: 3, NextTry: time.Unix(130, 0)}
	transient := messages.Failure{Class: messages.ClassTransient, Text: "503", Attempts: 1, NextTry: time.Unix(130, 0)}
	tests := map[string]struct {
		event messages.Event
		level logrus.Level
		field string
		value any
	}{
		"acquired":              {&messages.TokenAcquired{Occurrence: about("fresh"), Took: time.Second}, logrus.InfoLevel, fieldTook, "1s"},
		"refreshed":             {&messages.TokenRefreshed{Occurrence: about("fresh")}, logrus.InfoLevel, fieldExpiresIn, "1m0s"},
		"warning":               {&messages.TokenExpiring{Occurrence: about("degraded"), LastError: &transient}, logrus.WarnLevel, fieldClass, "transient"},
		"warning without cause": {&messages.TokenExpiring{Occurrence: about("due")}, logrus.WarnLevel, fieldState, "due"},
		"expired":               {&messages.TokenExpired{Occurrence: about("expired"), LastError: &transient}, logrus.ErrorLevel, fieldCause, "503"},
		"failed, token lives":   {&messages.RefreshFailed{Occurrence: about("degraded"), Failure: transient}, logrus.WarnLevel, fieldAttempt, 1},
		"rejected, token lives": {&messages.RefreshFailed{Occurrence: about("degraded"), Failure: rejected}, logrus.ErrorLevel, fieldAttempt, 3},
		"failed without token":  {&messages.RefreshFailed{Occurrence: about("empty"), Failure: transient}, logrus.ErrorLevel, fieldNextTry, "1970-01-01T00:02:10Z"},
		"login lost":            {&messages.LoginLost{Occurrence: about("degraded"), Failure: rejected}, logrus.ErrorLevel, fieldCause, "401"},
		"invalidated":           {&messages.TokenInvalidated{Occurrence: about("expired")}, logrus.InfoLevel, fieldFingerprint, "f"},
		"restarted":             {&messages.ActorRestarted{Occurrence: about("fresh"), Restarts: 4, Reason: "r"}, logrus.ErrorLevel, fieldRestarts, 4},
		"removed":               {&messages.ServiceRemoved{Occurrence: about("fresh")}, logrus.InfoLevel, fieldEvent, "service_removed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			log, hook := test.NewNullLogger()
			eventLog(log)(tt.event)
			e := hook.LastEntry()
			if e.Level != tt.level || e.Data[tt.field] != tt.value || e.Data[fieldService] != "billing" {
				t.Errorf("%v %v", e.Level, e.Data)
			}
		})
	}
}
