package access

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// good is a request that must be answered whatever others do.
func (n *node) good(t *testing.T) {
	t.Helper()
	for _, door := range []int{local, secure} {
		got := n.ask(t, door, nil, request("GET", "/v1/token/billing", bearer(n.keys["billing"])))
		if got.status != 200 || !strings.Contains(got.body, token("billing")) {
			t.Errorf("a good request: status %d, %v: %s", got.status, got.err, got.body)
		}
	}
}

// flood opens connections, each of which sends text and then nothing more.
func (n *node) flood(t *testing.T, door, count int, text string) []net.Conn {
	t.Helper()
	open := make([]net.Conn, 0, count)
	for range count {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", n.addresses[door])
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		_, _ = c.Write([]byte(text)) // it may be closed already, in favour of another
	}
	return open
}

// descriptors counts what the node has open; -1 where that cannot be known.
func (n *node) descriptors() int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.process))
	if err != nil {
		return -1
	}
	return len(entries)
}

// settles waits until the node has no more open than before.
func (n *node) settles(t *testing.T, before int) {
	t.Helper()
	tick, end := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for n.descriptors() > before {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%d descriptors are open, %d were before", n.descriptors(), before)
		}
	}
}

func TestIdleConnectionsAreInNobodysWay(t *testing.T) {
	for name, text := range map[string]string{
		"silent":                  "",
		"in the middle of theirs": "GET /v1/token/billing HTTP/1.1\r\nHost: loc",
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, "limits: {connections: 1000}")
			needDescriptors(t, 10_500)
			n.good(t)
			before := n.descriptors()
			for _, door := range []int{local, secure} {
				open := n.flood(t, door, 10_000, text)
				n.good(t)
				if now := n.descriptors(); now > before+1100 {
					t.Errorf("the node has %d descriptors open", now)
				}
				for _, c := range open {
					_ = c.Close()
				}
				n.settles(t, before)
			}
			n.good(t)
		})
	}
}

// TestMalformedAndOversized sends what is no request. What is left of the node
// answers the next good one.
func TestMalformedAndOversized(t *testing.T) {
	n := start(t, "")
	n.good(t)
	before := n.descriptors()
	key := bearer(n.keys["billing"])
	get := "GET /v1/token/billing HTTP/1.1\r\nHost: localhost\r\n"
	for name, raw := range map[string]string{
		"nothing but lines":          strings.Repeat("\r\n", 10_000),
		"bytes of all kinds":         strings.Repeat("\x00\xff\x01\r\n", 1000),
		"TLS":                        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 600),
		"HTTP/2":                     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"HTTP/0.9":                   "GET /v1/token/billing\r\n\r\n",
		"HTTP/9.9":                   "GET /v1/token/billing HTTP/9.9\r\nHost: localhost\r\n" + key + "\r\n\r\n",
		"no host":                    "GET /v1/token/billing HTTP/1.1\r\n" + key + "\r\n\r\n",
		"two hosts":                  get + "Host: localhost\r\n" + key + "\r\n\r\n",
		"a header without a colon":   get + key + "\r\nnonsense\r\n\r\n",
		"a space in a header's name": get + "Authorization : Bearer " + n.keys["billing"] + "\r\n\r\n",
		"a folded header":            get + "Authorization:\r\n Bearer " + n.keys["billing"] + "\r\nX: y\r\n z\r\n\x00: a\r\n\r\n",
		"a zero byte in a header":    get + key + "\x00\r\n\r\n",
		"two lengths":                "POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\n" + key + "\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}{}{}",
		"a negative length":          "POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\n" + key + "\r\nContent-Length: -1\r\n\r\n",
		"an endless length":          "POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\n" + key + "\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"a chunk without a size":     "POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\n" + key + "\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"an endless chunk":           "POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\n" + key + "\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
		"an unknown coding":          "POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\n" + key + "\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"a body that is too large":   post("/v1/tokens", strings.Repeat(" ", 10<<20), key),
		"headers that are too large": get + strings.Repeat("X-Header: "+strings.Repeat("x", 1000)+"\r\n", 1000) + "\r\n",
		"a path that is too long":    "GET /v1/token/" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"a method without an end":    strings.Repeat("G", 1<<20),
		"JSON without an end":        post("/v1/tokens", strings.Repeat(`{"services":[`, 9000), key),
		"too many names":             post("/v1/tokens", `{"services":["a`+strings.Repeat(`","a`, 1001)+`"]}`, key),
	} {
		for door, address := range map[string]int{"plain": local, "TLS": secure} {
			t.Run(name+" over "+door, func(t *testing.T) {
				c, err := new(net.Dialer).DialContext(t.Context(), "tcp", n.addresses[address])
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.Close() }()
				if got := talk(c, raw+"\r\n\r\n"); got.err == nil && (got.status < 400 || strings.Contains(got.body, "t0ken")) {
					t.Errorf("status %d: %s", got.status, got.body)
				}
				n.good(t)
			})
		}
	}
	n.settles(t, before)
}
