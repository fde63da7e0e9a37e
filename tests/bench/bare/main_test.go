package main

import (
	"bufio"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

const wire = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 2\r\nContent-Type: application/json\r\nDate: then\r\n\r\n{}"

func TestItServesUntilStandardInputEnds(t *testing.T) {
	stdin, hold := io.Pipe()
	said, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run([]string{filepath.Join(t.TempDir(), "s")}, stdin, stdout) }()
	if _, err := io.WriteString(hold, wire); err != nil {
		t.Fatal(err)
	}
	port, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + strings.TrimSpace(port) + "/anything")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || string(body) != "{}" || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Date") == "then" {
		t.Errorf("headers %v, body %q, error %v", resp.Header, body, err)
	}
	if err := hold.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestItSaysWhatIsWrong(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "no", "such", "directory")
	for name, tt := range map[string]struct {
		args      []string
		stdin, is string
	}{
		"no socket is named":      {nil, wire, "usage"},
		"the answer is none":      {[]string{socket}, "hello\r\n", "the answer"},
		"the answer is cut off":   {[]string{socket}, wire[:len(wire)-1], "the answer"},
		"the socket has no place": {[]string{socket}, wire, "listen unix"},
	} {
		if err := run(tt.args, strings.NewReader(tt.stdin), io.Discard); err == nil || !strings.Contains(err.Error(), tt.is) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
