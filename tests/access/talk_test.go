package access

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds what a broken node would make endless.
const patience = time.Minute

// reply is the answer to a request, or why there is none.
type reply struct {
	status int
	body   string
	header http.Header
	err    error
}

// request writes a request line and headers.
func request(method, target string, headers ...string) string {
	return method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + lines(headers) + "\r\n"
}

func lines(headers []string) string {
	var text strings.Builder
	for _, h := range headers {
		text.WriteString(h + "\r\n")
	}
	return text.String()
}

func post(target, body string, headers ...string) string {
	return request("POST", target, append(headers, fmt.Sprintf("Content-Length: %d", len(body)))...) + body
}

func bearer(key string) string { return "Authorization: Bearer " + key }

// dial connects to a listener, with a certificate at the secure one.
func (n *node) dial(ctx context.Context, door int, cert *tls.Certificate) (net.Conn, error) {
	network := "tcp"
	if door == socket {
		network = "unix"
	}
	c, err := new(net.Dialer).DialContext(ctx, network, n.addresses[door])
	if err != nil || door != secure {
		return c, err
	}
	config := &tls.Config{RootCAs: n.pki.pool(), ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	if cert != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	return tls.Client(c, config), nil
}

// ask sends raw bytes and returns the first answer.
func (n *node) ask(t *testing.T, door int, cert *tls.Certificate, raw string) reply {
	t.Helper()
	c, err := n.dial(t.Context(), door, cert)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return talk(c, raw)
}

func talk(c net.Conn, raw string) reply {
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, raw); err != nil {
		return reply{err: err}
	}
	return answer(bufio.NewReader(c), raw)
}

func answer(from *bufio.Reader, raw string) reply {
	method, _, _ := strings.Cut(raw, " ")
	resp, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, string(body), resp.Header, err}
}

// askAs asks at the socket as another user: a process of its own does, and prints
// what it gets. The program is copied to where that user may run it.
func (n *node) askAs(t *testing.T, uid, gid uint32, raw string) reply {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(n.dir, "ask")
	if _, err := os.Stat(program); err != nil {
		text, err := os.ReadFile(self)
		if err == nil {
			err = os.WriteFile(program, text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir, cmd.Env = "/", []string{asking + "=" + n.addresses[socket]}
	cmd.Stdin = strings.NewReader(raw)
	asUser(cmd, uid, gid)
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	return answer(bufio.NewReader(strings.NewReader(string(out))), raw)
}

// askAndExit is the other process: it sends what it reads and prints the answer.
func askAndExit(socket string) {
	raw, err := io.ReadAll(os.Stdin)
	if err == nil {
		var c net.Conn
		if c, err = new(net.Dialer).DialContext(context.Background(), "unix", socket); err == nil {
			_ = c.SetDeadline(time.Now().Add(patience))
			_, err = c.Write([]byte(strings.Replace(string(raw), "\r\n", "\r\nConnection: close\r\n", 1)))
			if err == nil {
				_, err = io.Copy(os.Stdout, c)
			}
		}
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
