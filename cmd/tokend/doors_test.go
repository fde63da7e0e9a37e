package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/system/httpapi"
)

// pair writes a certificate with that number, and its key, to DIR/NAME.pem and .key.
func (n *reloadedNode) pair(name string, number int64) {
	n.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		n.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		n.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		n.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: cert}, name + ".key": {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(filepath.Join(n.dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			n.Fatal(err)
		}
	}
}

// shown returns the number of the certificate that the node shows at its TLS port.
func (n *reloadedNode) shown() int64 {
	n.Helper()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // the number tells which it is
	c, err := dialer.DialContext(n.Context(), "tcp", n.srv.doors[1].listener.Addr().String())
	if err != nil {
		n.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestAListenerTakesOtherCertificates(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	n.pair("one", 1)
	n.pair("two", 2)
	secure := func(cert, key string) string {
		return "listen: [\"unix://DIR/s\", {address: \"tcp://127.0.0.1:0\", tls: {cert_file: " + cert + ".pem, key_file: " + key + ".key}}]\n" + serviceA
	}
	n.becomes(secure("one", "one"))
	if got := n.shown(); got != 1 {
		t.Errorf("certificate %d", got)
	}
	n.becomes(secure("two", "two"))
	if got := n.shown(); got != 2 {
		t.Errorf("certificate %d", got)
	}
	n.refuses(secure("one", "two"), "listen[1].tls.cert_file")
	o := openingOf(n.config)
	o.endpoints[1].TLS = &httpapi.TLSFiles{Cert: n.dir + "/one.pem", Key: n.dir + "/gone.key"} // since it was checked
	if _, err := n.srv.planDoors(t.Context(), o); len(config.Errors(err)) != 1 || config.Errors(err)[0].Path != "listen[1].tls" {
		t.Errorf("error %v", err)
	}
	if got := n.shown(); got != 2 {
		t.Errorf("after refusals: certificate %d", got)
	}
}

// It is no other program that is to be stopped.
func TestAPortUnderAnotherNameIsSaidToBeTheNodesOwn(t *testing.T) {
	const both = "listen: [\"unix://DIR/s\", \"tcp://127.0.0.1:0\"]\n"
	n := startReloading(t, both+serviceA, nil)
	port := n.srv.doors[1].listener.Addr().(*net.TCPAddr).Port
	n.write(fmt.Sprintf("listen: [\"unix://DIR/s\", \"tcp://localhost:%d\"]\n", port) + serviceA)
	want := fmt.Sprintf("listen[1]: tcp://127.0.0.1:0 is in the way, which this node has open: reload without either first, then with tcp://localhost:%d", port)
	if _, err := n.ask(t.Context()); err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
}

// 192.0.2.1 is an address that no machine has, see RFC 5737.
func TestAPortThatIsFreeIsNotSaidToBeTaken(t *testing.T) {
	const both = "listen: [\"unix://DIR/s\", \"tcp://127.0.0.1:0\"]\n"
	n := startReloading(t, both+serviceA, nil)
	n.pair("one", 1)
	port := n.srv.doors[1].listener.Addr().(*net.TCPAddr).Port
	n.write(fmt.Sprintf("listen: [\"unix://DIR/s\", {address: \"tcp://192.0.2.1:%d\", tls: {cert_file: one.pem, key_file: one.key}}]\n", port) +
		grantOn("a") + serviceA)
	if _, err := n.ask(t.Context()); err == nil || strings.Contains(err.Error(), "in the way") || !strings.Contains(err.Error(), "192.0.2.1") {
		t.Errorf("error %v", err)
	}
}

func TestHostsChangeForOpenConnections(t *testing.T) {
	const port = "listen: [\"tcp://127.0.0.1:0\"]\n"
	n := startReloading(t, port+serviceA, nil)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	at := address(n.srv.doors[0].listener)
	expect := func(want int) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/v1/token/a", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "node.example"
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("status %d, want %d", resp.StatusCode, want)
		}
	}
	expect(http.StatusForbidden)
	n.becomes(port + "hosts: [node.example]\n" + serviceA)
	expect(http.StatusOK)
	n.becomes(port + serviceA)
	expect(http.StatusForbidden)
}

func TestNobodyAtAnOpenPortMayReload(t *testing.T) {
	n := startReloading(t, "listen: [\"unix://DIR/s\", \"tcp://127.0.0.1:0\"]\n"+serviceA, nil)
	for addr, want := range map[string]string{
		"unix://" + n.dir + "/s": "", address(n.srv.doors[1].listener): httpapi.CodeDenied,
	} {
		node, err := program{getenv: func(string) string { return "" }}.findNode(place{addr: addr})
		if err != nil {
			t.Fatal(err)
		}
		_, err = node.ask(t.Context(), http.MethodPost, "/v1/reload", nil)
		code := ""
		if err != nil {
			code, _ = told(err)
		}
		if code != want {
			t.Errorf("%s: code %q, want %q", addr, code, want)
		}
	}
}

// A request under way at a listener that goes is answered.
func TestAListenerThatGoesAnswersWhatItHasBegun(t *testing.T) {
	const slow = "services: {a: {provider: exec, command: [\"DIR/slow\"], timeout: 50s, default_ttl: 1h}}\n"
	n := startReloading(t, oneSocket+serviceA, nil)
	begun, finish := filepath.Join(n.dir, "begun"), filepath.Join(n.dir, "finish")
	for _, pipe := range []string{begun, finish} {
		mkfifo(t, pipe)
	}
	script := "#!/bin/sh\necho go > " + begun + "\nread line < " + finish + "\necho late-token\n"
	if err := os.WriteFile(filepath.Join(n.dir, "slow"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	n.srv.patience = time.Minute
	n.becomes("listen: [\"unix://DIR/s\", \"unix://DIR/gone\"]\n" + slow)
	c := n.connect("gone")
	answered := make(chan error, 1)
	go func() {
		status, err := c.get("/v1/token/a")
		if err == nil && status != http.StatusOK {
			t.Errorf("status %d", status)
		}
		answered <- err
	}()
	if _, err := os.ReadFile(begun); err != nil {
		t.Fatal(err)
	}
	n.becomes(oneSocket + slow)
	if err := os.WriteFile(finish, []byte("on\n"), 0); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// What is ready but cannot be made any more leaves nothing behind.
func TestAChangeThatFailsLateIsUndone(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	const text = "listen: [{address: \"unix://DIR/s\", mode: \"0666\"}, \"unix://DIR/t\"]\naudit: {path: DIR/audit}\n" +
		"clients: [{name: me, uid: 1, grants: [{services: [a], verbs: [get]}]}]\n" + serviceA
	// In no file, or the node would load it too.
	cfg, err := config.Parse([]byte(strings.ReplaceAll(text, "DIR", n.dir)), config.WithKinds())
	if err != nil {
		t.Fatal(err)
	}
	change, err := n.prepare(t.Context(), n.srv, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.srv.sys.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	policy, doors := n.srv.policy.Policy(), len(n.srv.doors)
	if _, err := n.enter(t.Context(), n.srv, change); !errors.Is(err, messages.ErrStopped) {
		t.Fatalf("error %v", err)
	}
	if n.srv.policy.Policy() != policy || len(n.srv.doors) != doors || !n.srv.audit.Idle() {
		t.Error("a part of the change was made")
	}
	if _, err := os.Lstat(filepath.Join(n.dir, "t")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a new socket stays: %v", err)
	}
	if info, err := os.Lstat(filepath.Join(n.dir, "s")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is another one: %v, %v", info, err)
	}
}
