package main

import (
	"net"
	"net/http"
	"testing"
)

func TestHTTPIsForThisMachine(t *testing.T) {
	for address, here := range map[string]bool{
		"127.0.0.1:7460": true, "127.9.9.9:1": true, "[::1]:7460": true, "[::ffff:127.0.0.1]:1": true,
		"10.0.0.1:7460": false, "0.0.0.0:7460": false, "[fe80::1%lo]:7460": false, "localhost:7460": false, "": false,
	} {
		if err := onlyHere("tcp", address, nil); (err == nil) != here {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestANodeIsLookedForHereOnly has a client whose name for this machine leads away.
func TestANodeIsLookedForHereOnly(t *testing.T) {
	p := program{getenv: func(string) string { return "" }}
	n, err := p.findNode(place{addr: "http://localhost:7460"})
	if err != nil {
		t.Fatal(err)
	}
	dial := n.client.Transport.(*http.Transport).DialContext
	if c, err := dial(t.Context(), "tcp", net.JoinHostPort("192.0.2.1", "7460")); err == nil {
		_ = c.Close()
		t.Error("it connects to another machine")
	}
}
