package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/system"
	"tokend/system/httpapi"
)

func silent() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

// slowSystem has one service, whose acquisition begins and does not end.
func slowSystem(t *testing.T, begun chan<- struct{}) *system.System {
	t.Helper()
	cfg := &config.Config{Services: map[string]config.Service{"slow": {Provider: "slow"}}}
	factory := func(string, map[string]any) (provider.Provider, error) {
		return provider.Func(func(ctx context.Context, _ provider.Request) (provider.Result, error) {
			begun <- struct{}{}
			<-ctx.Done()
			return provider.Result{}, ctx.Err()
		}), nil
	}
	sys, err := system.New(cfg, system.WithLogger(silent()), system.WithProvider("slow", factory))
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

func TestCallersStillWaitingAreToldThatTheNodeStops(t *testing.T) {
	defer goleak.VerifyNone(t)
	begun := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	srv, err := openServer(ctx, slowSystem(t, begun), []httpapi.Endpoint{{Address: "tcp://127.0.0.1:0"}}, nil, silent())
	if err != nil {
		t.Fatal(err)
	}
	srv.patience = time.Millisecond
	ended, answered := make(chan error, 1), make(chan error, 1)
	go func() { ended <- srv.run(ctx) }()
	go func() {
		n, err := program{}.findNode(address(srv.doors[0].listener))
		if err == nil {
			_, err = n.get(context.WithoutCancel(ctx), "/v1/token/slow", nil)
		}
		answered <- err
	}()
	<-begun
	cancel()
	if p, ok := errors.AsType[*httpapi.Problem](<-answered); !ok || p.Code != httpapi.CodeStopped {
		t.Errorf("the caller is told %v", p)
	}
	if err := <-ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
}

func TestDoorsOpenAllOrNone(t *testing.T) {
	defer goleak.VerifyNone(t)
	sys := slowSystem(t, nil)
	defer func() { _ = sys.Stop(t.Context()) }()
	_, err := openServer(t.Context(), sys, []httpapi.Endpoint{{Address: "tcp://127.0.0.1:0"}, {Address: "tcp://10.0.0.1:1"}}, nil, silent())
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
}
