package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"tokend/system"
	"tokend/system/httpapi"
)

// ears are the states that a service manager was told.
type ears struct {
	mu     sync.Mutex
	states []string
	err    error
}

func (t *ears) notify(state string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.states = append(t.states, state)
	return t.err
}

func (t *ears) all() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.states)
}

// handedOver returns a socket as a service manager hands it over.
func handedOver(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestANodeServesOnTheSocketThatItWasGiven(t *testing.T) {
	l := handedOver(t)
	given, err := manager{sockets: func() ([]net.Listener, error) { return []net.Listener{l}, nil }}.inherit()
	if err != nil {
		t.Fatal(err)
	}
	at := []httpapi.Endpoint{{Address: "tcp://127.0.0.1:0"}, {Address: "tcp://" + l.Addr().String()}}
	srv, err := openServer(t.Context(), slowSystem(t, nil, nil), opening{endpoints: at, inherited: given}, silent())
	if err != nil {
		t.Fatal(err)
	}
	defer srv.closeDoors()
	if srv.doors[1].listener != l || srv.doors[0].listener == l {
		t.Error("another socket was opened, or the wrong one taken")
	}
}

func TestASocketThatNothingIsServedOnIsAMistake(t *testing.T) {
	l := handedOver(t)
	at := []httpapi.Endpoint{{Address: "tcp://127.0.0.1:0"}}
	_, err := openServer(t.Context(), slowSystem(t, nil, nil), opening{endpoints: at, inherited: inherited{configured(l.Addr()): l}}, silent())
	if err == nil || !strings.Contains(err.Error(), configured(l.Addr())+", which is none of the listen addresses") {
		t.Errorf("%v", err)
	}
	if l.Close() == nil {
		t.Error("it stays open")
	}
}

func TestASocketIsNoWayAroundTheRulesForAddresses(t *testing.T) {
	l := handedOver(t)
	e := httpapi.Endpoint{Address: "tcp://10.0.0.1:7460"}
	if _, err := (inherited{e.Address: l}).listen(t.Context(), e); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("%v", err)
	}
	if l.Close() == nil {
		t.Error("it stays open")
	}
}

func TestSocketsThatCannotBeServedOn(t *testing.T) {
	broken := errors.New("no such descriptor")
	for name, sockets := range map[string]func() ([]net.Listener, error){
		"not listening": func() ([]net.Listener, error) { return []net.Listener{nil}, nil },
		"broken":        func() ([]net.Listener, error) { return nil, broken },
	} {
		if _, err := (manager{sockets: sockets}).inherit(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAnEnvironmentThatIsWrongStopsTheStart(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "soon")
	if _, err := serviceManager(); err == nil || !strings.Contains(err.Error(), "WATCHDOG_USEC") {
		t.Errorf("%v", err)
	}
}

func TestTheServiceManagerIsToldOfStartAndStop(t *testing.T) {
	heard := &ears{err: errors.New("nobody listens")} // which stops nothing
	log, serving := announcing("serving")
	ctx, stop := context.WithCancel(t.Context())
	srv, err := openServer(ctx, slowSystem(t, nil, nil), opening{endpoints: []httpapi.Endpoint{{Address: "tcp://127.0.0.1:0"}}}, log)
	if err != nil {
		t.Fatal(err)
	}
	srv.manager = manager{notify: heard.notify, watchdog: time.Hour}
	ended := make(chan error, 1)
	go func() { ended <- srv.run(ctx) }()
	<-serving
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := heard.all(); !slices.Equal(got, []string{daemon.SdNotifyReady, daemon.SdNotifyStopping}) {
		t.Errorf("%q", got)
	}
}

// startedSystem returns a system that runs until the test has ended.
func startedSystem(t *testing.T) *system.System {
	sys := slowSystem(t, nil, nil)
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Stop(context.Background()) })
	return sys
}

// beating runs a server's beat in a bubble with what answers.
func beating(t *testing.T, sys *system.System, h http.HandlerFunc) (*server, *ears) {
	heard := &ears{}
	s := &server{sys: sys, log: silent(), handler: h, stopping: make(chan struct{}), manager: manager{notify: heard.notify, watchdog: 30 * time.Second}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.beat(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return s, heard
}

// unready is an answer.
func unready(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte(`{"ready":false,"services":[]}`))
}

func TestTheWatchdogIsToldThreeTimesInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, heard := beating(t, startedSystem(t), unready)
		time.Sleep(10*time.Second - time.Nanosecond)
		synctest.Wait()
		if got := heard.all(); len(got) != 0 {
			t.Errorf("before the first beat: %q", got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := heard.all(); !slices.Equal(got, []string{daemon.SdNotifyWatchdog}) {
			t.Errorf("at the first beat: %q", got)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if got := heard.all(); len(got) != 3 {
			t.Errorf("after 30 s: %q", got)
		}
	})
}

func TestTheWatchdogIsNotToldByANodeThatDoesNotAnswer(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"hangs":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"fails":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"refuses": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, heard := beating(t, startedSystem(t), h)
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := heard.all(); len(got) != 0 {
					t.Errorf("%q", got)
				}
			})
		})
	}
}

// Actors that do not answer are told of by no answer of the door, which reads what
// they have published. While the node stops, they end.
func TestTheWatchdogIsNotToldByANodeWhoseActorsDoNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, heard := beating(t, slowSystem(t, nil, nil), unready) // it was not started
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := heard.all(); len(got) != 0 {
			t.Errorf("%q", got)
		}
		close(s.stopping)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := heard.all(); len(got) != 1 {
			t.Errorf("while it stops: %q", got)
		}
	})
}

func TestANodeAnswersItself(t *testing.T) {
	if !answering(t.Context(), httpapi.New(startedSystem(t), httpapi.Options{})) {
		t.Error("it does not")
	}
}

// serveUnder runs serve under a service manager and returns what it says.
func serveUnder(t *testing.T, under func() (manager, error)) (code int, said string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "tokend.yaml")
	text := "listen: [\"tcp://127.0.0.1:0\"]\nservices: {pager: {provider: static, token: t}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p := program{stdout: io.Discard, stderr: &out, getenv: func(string) string { return "" }, manager: under}
	return run(t.Context(), p, []string{"serve", "--config", file}), out.String()
}

func TestServeSaysWhatIsWrongWithItsServiceManager(t *testing.T) {
	l := handedOver(t)
	wrong := errors.New("what it says of itself is wrong")
	for name, c := range map[string]struct {
		under func() (manager, error)
		want  string
	}{
		"its environment": {func() (manager, error) { return manager{}, wrong }, wrong.Error()},
		"its sockets": {func() (manager, error) {
			return manager{sockets: func() ([]net.Listener, error) { return []net.Listener{nil}, nil }}, nil
		}, "is none that listens for streams"},
		"one socket": {func() (manager, error) {
			return manager{sockets: func() ([]net.Listener, error) { return []net.Listener{l}, nil }}, nil
		}, "none of the listen addresses"},
	} {
		if code, said := serveUnder(t, c.under); code != exitFailed || !strings.Contains(said, "tokend: unavailable: ") || !strings.Contains(said, c.want) {
			t.Errorf("%s: exit code %d, %s", name, code, said)
		}
	}
}

func TestAServiceManagerThatDoesNotReadHoldsNoOneUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := make(chan struct{})
		m := manager{notify: func(string) error { <-reads; return nil }}
		begun := time.Now()
		if err := m.notifyBriefly(daemon.SdNotifyReady); !errors.Is(err, errNotTaken) || time.Since(begun) != lastAnswers {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		close(reads)
		if err := m.notifyBriefly(daemon.SdNotifyReady); err != nil {
			t.Error(err)
		}
	})
}
