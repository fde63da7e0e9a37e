package httpapi

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// portOf returns the port of a listener.
func portOf(t *testing.T, l net.Listener) string {
	t.Helper()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// loopbacks returns those of both addresses that this machine has.
func loopbacks(t *testing.T) (hosts []string) {
	t.Helper()
	for _, host := range localhost {
		if l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(host, "0")); err == nil {
			_ = l.Close()
			hosts = append(hosts, host)
		}
	}
	return hosts
}

func TestLocalhostIsServedAtEachAddress(t *testing.T) {
	hosts := loopbacks(t)
	if len(hosts) < 2 {
		t.Logf("NOT TESTED: this machine has only %q", hosts)
	}
	for _, address := range []string{"tcp://localhost:0", "tcp://LOCALHOST:0"} {
		_, l := serveDoor(t, newFake(), Endpoint{Address: address}, Options{}, DoorOptions{})
		for _, host := range hosts {
			resp, err := http.Get("http://" + net.JoinHostPort(host, portOf(t, l)) + "/healthz")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s at %s: status %d", address, host, resp.StatusCode)
			}
		}
	}
}

// Who has one of the addresses would be asked for the node.
func TestALoopbackAddressThatIsTakenEndsTheStart(t *testing.T) {
	for _, host := range loopbacks(t) {
		taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		port := portOf(t, taken)
		l, err := Listen(t.Context(), Endpoint{Address: "tcp://localhost:" + port})
		if !errors.Is(err, ErrPortTaken) {
			t.Errorf("%s is taken: %v", host, err)
		}
		if err == nil {
			_ = l.Close()
		}
		_ = taken.Close()
		for _, other := range loopbacks(t) { // none is left open
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(other, port))
			if err != nil {
				t.Fatalf("%s: %v", other, err)
			}
			_ = l.Close()
		}
	}
}

func TestSeveralListenersEndTogether(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, use := range map[string]func(l net.Listener){
		"unused": func(net.Listener) {},
		"while one waits": func(l net.Listener) {
			var accepting sync.WaitGroup
			accepting.Go(func() {
				if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("accepting: %v", err)
				}
			})
			time.AfterFunc(time.Millisecond, func() { _ = l.Close() })
			accepting.Wait()
		},
		"with one that nobody has taken": func(l net.Listener) {
			first, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			second, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []net.Conn{first, second, c} {
				_ = c.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := Listen(t.Context(), Endpoint{Address: "tcp://localhost:0"})
			if err != nil {
				t.Fatal(err)
			}
			use(l)
			_ = l.Close()
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("closed again: %v", err)
			}
			if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("accepted: %v", err)
			}
			if n, err := strconv.Atoi(portOf(t, l)); err != nil || n == 0 {
				t.Errorf("port %d, %v", n, err)
			}
		})
	}
}
