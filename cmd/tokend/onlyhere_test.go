package main

import (
	"bytes"
	"net"
	"net/http"
	"testing"

	"tokend/system/httpapi"
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

// TestClientsDialWhatNodesBind has nodes at one of the two addresses of localhost, and
// clients that spell the name in their own way.
func TestClientsDialWhatNodesBind(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Skip(err)
		}
		server := &http.Server{Handler: httpapi.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"access_token":"abc","token_type":"Bearer"}`))
		}), nil)}
		go func() { _ = server.Serve(l) }()
		defer func() { _ = server.Close() }()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		spelt := []string{"http://localhost:", "http://LOCALHOST:", "tcp://LocalHost:"}
		if l.Addr().(*net.TCPAddr).IP.To4() == nil {
			spelt = append(spelt, "http://[::1]:", "http://[::1%25lo]:", "tcp://[::1%lo]:", "http://[0:0:0:0:0:0:0:1]:")
		}
		for _, host := range spelt {
			var out, errs bytes.Buffer
			p := program{stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}
			if code := run(t.Context(), p, []string{"get", "a", "--addr", host + port}); code != exitOK || out.String() != "abc\n" {
				t.Errorf("%s at %s: %d, %s", host, l.Addr(), code, &errs)
			}
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
