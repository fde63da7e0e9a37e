package main

import (
	"fmt"
	"net/http"
	"os"
	"testing"
)

// streams asks for a stream of events, and leaves it open if there is one.
func (n *reloadedNode) streams(want int) keptConn {
	n.Helper()
	c := n.connect("s")
	if _, err := fmt.Fprint(c, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		n.Fatal(err)
	}
	resp, err := http.ReadResponse(c.read, nil)
	if err != nil {
		n.Fatal(err)
	}
	if resp.StatusCode != want { // to close the body would be to wait for its end
		n.Errorf("a stream: status %d, want %d", resp.StatusCode, want)
	}
	return c
}

// TestBoundsOfAClientChangeWithAReload has streams open over several reloads: they go
// on being counted, whatever their client may have and is called by then.
func TestBoundsOfAClientChangeWithAReload(t *testing.T) {
	yaml := func(name, limits string) string {
		return fmt.Sprintf("%slimits: {%s}\nclients: [{name: %s, uid: %d, grants: [{services: [\"*\"], verbs: [admin]}]}]\n%s",
			oneSocket, limits, name, os.Geteuid(), serviceA)
	}
	n := startReloading(t, yaml("me", "streams_per_client: 1"), nil)
	n.streams(http.StatusOK)
	n.streams(http.StatusTooManyRequests)
	n.becomes(yaml("myself", "streams_per_client: 2"))
	n.streams(http.StatusOK)
	n.streams(http.StatusTooManyRequests)
	n.becomes(oneSocket + "limits: {streams_per_client: 2}\n" + serviceA) // the node's own user, without clients
	n.streams(http.StatusTooManyRequests)
	n.becomes(yaml("me", "in_flight_per_client: 2"))
	n.gets(n.connect("s"), "/v1/token/a", http.StatusTooManyRequests)
	n.gets(n.connect("s"), "/healthz", http.StatusOK)
	n.becomes(yaml("me", "in_flight_per_client: 3"))
	n.gets(n.connect("s"), "/v1/token/a", http.StatusOK)
	n.refuses(yaml("me", "in_flight_per_client: 0"), "limits.in_flight_per_client")
}
