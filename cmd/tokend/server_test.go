package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/system/httpapi"
)

func silent() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

// slowSystem has one service, which does not count for readiness. Its acquisition
// begins, and ends when finish is closed.
func slowSystem(t *testing.T, begun chan<- struct{}, finish <-chan struct{}) *system.System {
	t.Helper()
	slow := config.Service{Provider: "slow", Settings: config.Settings{Required: new(false)}}
	factory := func(string, map[string]any) (provider.Provider, error) {
		return provider.Func(func(ctx context.Context, _ provider.Request) (provider.Result, error) {
			begun <- struct{}{}
			select {
			case <-finish:
				return provider.Result{AccessToken: messages.NewSecret("slow-token"), Lifetime: time.Hour}, nil
			case <-ctx.Done():
				return provider.Result{}, ctx.Err()
			}
		}), nil
	}
	cfg := &config.Config{Services: map[string]config.Service{"slow": slow}}
	sys, err := system.New(cfg, system.WithLogger(silent()), system.WithProvider("slow", factory))
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

// announcing returns a logger and what is closed when it says text.
func announcing(text string) (*logrus.Logger, <-chan struct{}) {
	log, said := silent(), make(chan struct{})
	log.AddHook(&announcer{text: text, said: said})
	return log, said
}

type announcer struct {
	text string
	said chan struct{}
}

func (*announcer) Levels() []logrus.Level { return logrus.AllLevels }

func (a *announcer) Fire(e *logrus.Entry) error {
	if e.Message == a.text {
		close(a.said)
	}
	return nil
}

// running is a server that runs until the test, or its context, ends it.
type running struct {
	*server
	stop  context.CancelFunc
	ended <-chan error
}

func runServer(t *testing.T, sys *system.System, log *logrus.Logger, patience time.Duration) running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	srv, err := openServer(ctx, sys, opening{endpoints: []httpapi.Endpoint{{Address: "tcp://127.0.0.1:0"}}}, log)
	if err != nil {
		t.Fatal(err)
	}
	srv.patience = patience
	ended := make(chan error, 1)
	go func() { ended <- srv.run(ctx) }()
	return running{srv, cancel, ended}
}

// ask gets the slow service's token.
func (r running) ask(t *testing.T) <-chan error {
	answered := make(chan error, 1)
	go func() {
		n, err := program{getenv: func(string) string { return "" }}.findNode(place{addr: address(r.doors[0].listener)})
		if err == nil {
			_, err = n.get(context.WithoutCancel(t.Context()), "/v1/token/slow", nil)
		}
		answered <- err
	}()
	return answered
}

// connect opens a connection to the node. Each request on it is sent there: a client
// of net/http may take a new one.
func (r running) connect(t *testing.T) keptConn {
	t.Helper()
	at := r.doors[0].listener.Addr()
	c, err := new(net.Dialer).DialContext(t.Context(), at.Network(), at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return keptConn{c, bufio.NewReader(c)}
}

func TestANodeThatStopsIsNotReadyWhileItsDoorsAreOpen(t *testing.T) {
	defer goleak.VerifyNone(t)
	begun, finish := make(chan struct{}, 1), make(chan struct{})
	log, stopping := announcing("stopping")
	srv := runServer(t, slowSystem(t, begun, finish), log, time.Minute)
	answered := srv.ask(t)
	<-begun
	kept := srv.connect(t)
	if status, err := kept.get("/readyz"); status != http.StatusOK {
		t.Fatalf("before the end: status %d, %v", status, err)
	}
	srv.stop()
	<-stopping
	for name, c := range map[string]keptConn{"from before": kept, "that is new": srv.connect(t)} {
		if status, err := c.get("/readyz"); status != http.StatusServiceUnavailable {
			t.Errorf("on a connection %s: status %d, %v", name, status, err)
		}
	}
	close(finish)
	if err := <-answered; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if err := <-srv.ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
}

func TestCallersStillWaitingAreToldThatTheNodeStops(t *testing.T) {
	defer goleak.VerifyNone(t)
	begun := make(chan struct{}, 1)
	srv := runServer(t, slowSystem(t, begun, nil), silent(), time.Millisecond)
	answered := srv.ask(t)
	<-begun
	srv.stop()
	if p, ok := errors.AsType[*httpapi.Problem](<-answered); !ok || p.Code != httpapi.CodeStopped {
		t.Errorf("the caller is told %v", p)
	}
	if err := <-srv.ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
}

func TestStreamsOfEventsDoNotHoldTheEndUp(t *testing.T) {
	defer goleak.VerifyNone(t)
	log, serving := announcing("serving")
	srv := runServer(t, slowSystem(t, nil, nil), log, time.Hour)
	<-serving
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address(srv.doors[0].listener)+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp, err)
	}
	srv.stop()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Errorf("the stream ended with %v", err)
	}
	_ = resp.Body.Close()
	if err := <-srv.ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
}

// postRefresh asks for a refresh of the slow service.
func (r running) postRefresh(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address(r.doors[0].listener)+"/v1/services/slow/refresh", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

func TestWhoLeavesARefreshTakesItFromNobody(t *testing.T) {
	defer goleak.VerifyNone(t)
	begun, finish := make(chan struct{}, 1), make(chan struct{})
	log, serving := announcing("serving")
	srv := runServer(t, slowSystem(t, begun, finish), log, time.Minute)
	<-serving
	impatient, leave := context.WithCancel(t.Context())
	left, stayed := make(chan error, 1), make(chan error, 1)
	go func() { left <- srv.postRefresh(impatient) }()
	<-begun
	go func() { stayed <- srv.postRefresh(context.WithoutCancel(t.Context())) }()
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who leaves gets %v", err)
	}
	close(finish)
	if err := <-stayed; err != nil {
		t.Errorf("who stays gets %v", err)
	}
	srv.stop()
	if err := <-srv.ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
}

func TestANodeWithoutRequestsEndsAtOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	log, serving := announcing("serving")
	srv := runServer(t, slowSystem(t, nil, nil), log, time.Hour)
	<-serving
	srv.stop()
	if err := <-srv.ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
}

func TestANodeThatIsStoppedBeforeItHasStartedHasNotFailed(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	srv, err := openServer(ctx, slowSystem(t, nil, nil), opening{endpoints: []httpapi.Endpoint{{Address: "tcp://127.0.0.1:0"}}}, silent())
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.run(ctx); err != nil {
		t.Errorf("the node ended with %v", err)
	}
}

func TestAStartThatFailsIsNobodysTimeout(t *testing.T) {
	defer goleak.VerifyNone(t)
	sys := slowSystem(t, nil, nil)
	if err := sys.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv, err := openServer(t.Context(), sys, opening{endpoints: []httpapi.Endpoint{{Address: "tcp://127.0.0.1:0"}}}, silent())
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	if code := report(&errs, srv.run(t.Context())); code != exitFailed || !strings.HasPrefix(errs.String(), "tokend: unavailable: ") {
		t.Errorf("code %d, %q", code, errs.String())
	}
}

func TestDoorsOpenAllOrNone(t *testing.T) {
	defer goleak.VerifyNone(t)
	sys := slowSystem(t, nil, nil)
	defer func() { _ = sys.Stop(t.Context()) }()
	_, err := openServer(t.Context(), sys, opening{endpoints: []httpapi.Endpoint{{Address: "tcp://127.0.0.1:0"}, {Address: "tcp://10.0.0.1:1"}}}, silent())
	if err == nil || !strings.Contains(err.Error(), "only loopback") {
		t.Errorf("error %v", err)
	}
}

func TestNetHTTPsComplaintsGoToTheLog(t *testing.T) {
	var text strings.Builder
	log := logrus.New()
	log.SetOutput(&text)
	errorLog(log).Print("http: something\n")
	if !strings.Contains(text.String(), `level=warning msg="http: something"`) {
		t.Errorf("it says %q", text.String())
	}
	text.Reset()
	errorLog(log).Print("http: TLS handshake error from 127.0.0.1:1: EOF\n")
	if text.Len() > 0 {
		t.Errorf("of a stranger it says %q", text.String())
	}
}
