//go:build unix

package process

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// warm is a node with a token at hand, another that never comes, at a socket and a port.
const warm = `
listen: ["unix://SOCK", "tcp://127.0.0.1:PORT"]
log: {format: json, level: warn}
LIMITS
services:
  a: {provider: static, token: abc}
  never: {provider: exec, command: [/bin/sleep, "60"], timeout: 50s}
`

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// few starts a node that may open so many files, and returns its port.
func few(t *testing.T, files int, limits string) (n *node, port string) {
	t.Helper()
	port = freePort(t)
	n = newNode(t, strings.NewReplacer("PORT", port, "LIMITS", limits).Replace(warm))
	n.start(fmt.Sprintf("ulimit -n %d", files), nil, nil)
	n.serves("a")
	return n, port
}

// tally counts how requests ended.
type tally struct {
	mu   sync.Mutex
	ends map[string]int
}

func (y *tally) note(status int, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.ends == nil {
		y.ends = map[string]int{}
	}
	if err != nil {
		y.ends[err.Error()]++
	} else {
		y.ends[fmt.Sprint(status)]++
	}
}

// only fails the test if any request ended otherwise.
func (y *tally) only(t *testing.T, what string, total int, ends ...string) {
	t.Helper()
	got := 0
	for _, end := range ends {
		got += y.ends[end]
	}
	if t.Logf("%s: %v", what, y.ends); got != total {
		t.Errorf("%s: %v, want %d of %q", what, y.ends, total, ends)
	}
}

// line is a connection that is asked one thing after the other.
type line struct {
	net.Conn
	answers *bufio.Reader
}

func dial(ctx context.Context, network, address string) (*line, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	return &line{c, bufio.NewReader(c)}, nil
}

const getA = "GET /v1/token/a HTTP/1.1\r\nHost: localhost\r\n\r\n"

// ask sends text and reads an answer; again reports whether there may be another.
func (l *line) ask(text string) (status int, again bool, err error) {
	if _, err := io.WriteString(l, text); err != nil {
		return 0, false, err
	}
	resp, err := http.ReadResponse(l.answers, nil)
	if err != nil {
		return 0, false, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
		err = fmt.Errorf("503 without Retry-After")
	}
	return resp.StatusCode, !resp.Close, err
}

// TestCallersOfAWarmTokenAreServedWithFewFiles has many more callers at once than the
// node can have connections with. Each asks several times, on connections that it keeps
// for as long as the node does.
func TestCallersOfAWarmTokenAreServedWithFewFiles(t *testing.T) {
	for _, tt := range []struct{ files, callers, each int }{{64, 150, 20}, {256, 600, 10}, {1024, 1500, 2}} {
		t.Run(fmt.Sprintf("%d callers with %d files", tt.callers, tt.files), func(t *testing.T) {
			n, port := few(t, tt.files, "")
			for _, at := range [][2]string{{"unix", n.dir + "/s"}, {"tcp", "127.0.0.1:" + port}} {
				var (
					all tally
					on  sync.WaitGroup
				)
				for range tt.callers {
					on.Go(func() { askAll(t.Context(), &all, at[0], at[1], tt.each) })
				}
				on.Wait()
				all.only(t, at[0], tt.callers*tt.each, "200")
			}
			n.stops(10 * time.Second)
		})
	}
}

// askAll asks so often. A connection that the node closes with an answer is followed by
// another.
func askAll(ctx context.Context, all *tally, network, address string, times int) {
	caller := &caller{network: network, address: address}
	defer caller.close()
	for range times {
		all.note(caller.ask(ctx))
	}
}

// caller asks as HTTP clients do: when a connection that was idle is closed before there
// was any of an answer, it asks again on a new one, and only then.
type caller struct {
	network, address string
	kept             *line
}

func (c *caller) ask(ctx context.Context) (status int, err error) {
	if c.kept != nil {
		if status, err = c.on(c.kept); err == nil {
			return status, nil
		}
	}
	fresh, err := dial(ctx, c.network, c.address)
	if err != nil {
		return 0, err
	}
	return c.on(fresh)
}

// on asks on a connection, and keeps that if it can be used again.
func (c *caller) on(l *line) (status int, err error) {
	status, again, err := l.ask(getA)
	if c.kept = l; !again || err != nil {
		c.close()
	}
	return status, err
}

func (c *caller) close() {
	if c.kept != nil {
		_ = c.kept.Close()
		c.kept = nil
	}
}

// TestIdleConnectionsMakeRoom keeps more connections than there may be, and asks by new
// ones.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	n, port := few(t, 64, "")
	var kept []*line
	for i := range 300 {
		at := [2]string{"unix", n.dir + "/s"}
		if i%2 == 0 {
			at = [2]string{"tcp", "127.0.0.1:" + port}
		}
		c, err := dial(t.Context(), at[0], at[1])
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if status, _, err := c.ask(getA); err != nil || status != http.StatusOK {
			t.Fatalf("caller %d: status %d, %v", i, status, err)
		}
		kept = append(kept, c)
	}
	if status, _, err := kept[len(kept)-1].ask(getA); err != nil || status != http.StatusOK {
		t.Errorf("the last one again: status %d, %v", status, err)
	}
	n.stops(10 * time.Second)
}

// TestWhoCannotBeServedIsTold has requests hold all connections that the node can have.
func TestWhoCannotBeServedIsTold(t *testing.T) {
	n, port := few(t, 64, "limits: {in_flight_per_client: 1000}")
	for range 60 {
		c, err := dial(t.Context(), "tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	for range 60 {
		c, err := dial(t.Context(), "tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "GET /v1/token/never?wait=50s HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	var (
		all tally
		on  sync.WaitGroup
	)
	for range 200 {
		on.Go(func() { askAll(t.Context(), &all, "tcp", "127.0.0.1:"+port, 1) })
	}
	on.Wait()
	all.only(t, "beside requests that wait", 200, "503")
	if status, _, err := n.get("/v1/token/a"); err != nil || status != http.StatusOK {
		t.Errorf("at the socket: status %d, %v", status, err)
	}
	n.stops(10 * time.Second)
}

// TestSlowAndSilentCallersAreInNoOnesWay has strangers hold connections without a whole
// request, while callers ask.
func TestSlowAndSilentCallersAreInNoOnesWay(t *testing.T) {
	for name, text := range map[string]string{"silent": "", "slow": "GET /v1/token/a HTTP/1.1\r\nHost: loc"} {
		t.Run(name, func(t *testing.T) {
			n, port := few(t, 64, "")
			for range 300 {
				c, err := dial(t.Context(), "tcp", "127.0.0.1:"+port)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.Close() }()
				_, _ = io.WriteString(c, text)
			}
			var all tally
			for range 20 {
				askAll(t.Context(), &all, "tcp", "127.0.0.1:"+port, 1)
			}
			all.only(t, "beside them", 20, "200")
			n.stops(10 * time.Second)
		})
	}
}

// TestPipelinedRequestsAreAllAnswered sends several requests at once on every connection,
// where there are too many of those.
func TestPipelinedRequestsAreAllAnswered(t *testing.T) {
	n, port := few(t, 64, "")
	var (
		all tally
		on  sync.WaitGroup
	)
	for range 100 {
		on.Go(func() {
			c, err := dial(t.Context(), "tcp", "127.0.0.1:"+port)
			if err != nil {
				all.note(0, err)
				return
			}
			defer func() { _ = c.Close() }()
			text := strings.Repeat(getA, 8)
			for range 8 {
				status, _, err := c.ask(text)
				if all.note(status, err); err != nil {
					return
				}
				text = ""
			}
		})
	}
	on.Wait()
	all.only(t, "pipelined", 800, "200")
	n.stops(10 * time.Second)
}
