package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// watched reports, as soon as somebody does, that somebody follows the events. The
// time only bounds a test that fails.
func (r running) watched(t *testing.T) {
	t.Helper()
	tick, end := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for r.traffic.Streams() == 0 {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("nobody follows the events")
		}
	}
}

func TestWatchPrintsWhatHappensUntilASignal(t *testing.T) {
	tests := map[string]struct{ output, want string }{
		"as text": {"text", `^[0-9:]{8}  slow          token_acquired     fresh     [0-9a-f]{12}  in (1h0m0s|59m[0-9]+s)  $`},
		"as JSON": {"json", `^\{"event":"token_acquired","at":"[^"]+Z","service":"slow","state":"fresh","generation":1,"fingerprint":"[0-9a-f]{12}","expires_at":"[^"]+Z"\}$`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			begun, finish := make(chan struct{}, 1), make(chan struct{})
			close(finish)
			log, serving := announcing("serving")
			srv := runServer(t, slowSystem(t, begun, finish), log, time.Minute)
			<-serving
			ctx, signal := context.WithCancel(t.Context())
			defer signal()
			lines, out := io.Pipe()
			ended := make(chan int, 1)
			go func() {
				p := program{stdout: out, stderr: io.Discard, getenv: func(string) string { return "" }}
				ended <- run(ctx, p, []string{"watch", "slow", "--addr", address(srv.doors[0].listener), "--output", tt.output})
			}()
			srv.watched(t)
			if err := <-srv.ask(t); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(lines).ReadString('\n')
			if err != nil || !regexp.MustCompile(tt.want).MatchString(strings.TrimSuffix(line, "\n")) {
				t.Errorf("%q, %v", line, err)
			}
			signal()
			if code := <-ended; code != exitOK {
				t.Errorf("exit code %d", code)
			}
			srv.stop()
			if err := <-srv.ended; err != nil {
				t.Errorf("the node ended with %v", err)
			}
		})
	}
}

func TestANodeShowsItsMetrics(t *testing.T) {
	defer goleak.VerifyNone(t)
	log, serving := announcing("serving")
	srv := runServer(t, slowSystem(t, nil, nil), log, time.Minute)
	<-serving
	n, err := program{getenv: os.Getenv}.findNode(place{addr: address(srv.doors[0].listener)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.ask(t.Context(), http.MethodGet, "/healthz", nil); err != nil {
		t.Fatal(err)
	}
	body, err := n.ask(t.Context(), http.MethodGet, "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\ntokend_build_info{", `tokend_http_requests_total{code="200",route="/healthz"} 1`, `tokend_token_state{service="slow",state="empty"} 1`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s", want)
		}
	}
	srv.stop()
	if err := <-srv.ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
}
