package provider

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tokend/messages"
)

// proxyTarget makes this test binary acquire one token from the URL it holds and
// print it: net/http reads the proxy's environment once in the life of a process,
// so that a test of it needs a process of its own.
const proxyTarget, proxyCA = "TOKEND_TEST_PROXY_TARGET", "TOKEND_TEST_PROXY_CA"

func throughProxy(target string) int {
	transports := NewTransports("tokend/test")
	defer transports.Close()
	p, err := NewClientCredentials(ClientCredentials{
		Endpoint: Endpoint{Transports: transports, TLS: TLS{CAFile: os.Getenv(proxyCA)}, ConnectTimeout: time.Minute},
		TokenURL: target, ClientID: "probe", ClientSecret: hush("open sesame"),
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	res, err := Acquire(context.Background(), p, Request{Service: "billing"})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(res.AccessToken.Reveal())
	return 0
}

// tunnel is a proxy that connects everything to one address.
func tunnel(t *testing.T, address string, asked chan<- string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		there, err := net.Dial("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = there.Close() }()
		here, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(there, buffered); _ = there.Close() }()
		_, _ = io.Copy(here, there)
		_ = here.Close()
	}
}

func TestTheEnvironmentNamesTheProxy(t *testing.T) {
	ca := newAuthority(t)
	idp := ca.serveTLS(t, hour(), says(200, goodAnswer), nil)
	asked := make(chan string, 1)
	proxy := serve(t, tunnel(t, idp.Listener.Addr().String(), asked))
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(),
		proxyTarget+"=https://idp.example/token", proxyCA+"="+ca.file,
		"HTTPS_PROXY="+proxy.URL, "https_proxy=", "NO_PROXY=", "no_proxy=")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "at-1" {
		t.Fatalf("%v: %s", err, out)
	}
	if got := <-asked; got != "CONNECT idp.example:443" {
		t.Errorf("the proxy got %s", got)
	}
}

// behind returns settings whose requests go through the proxy at address.
func behind(t *testing.T, address, target string) ClientCredentials {
	t.Helper()
	settings := client(t, target)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	settings.Transports.proxy = http.ProxyURL(u)
	return settings
}

func TestAProxyThatRefuses(t *testing.T) {
	proxy := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 407 canary\r\nContent-Length: 0\r\n\r\n")
		_ = conn.Close()
	})
	got := failure(t, mustClient(t, behind(t, proxy.URL, "https://idp.example/token")))
	wantFailure(t, got, messages.ClassTransient, "proxy answered 407 when asked for idp.example:443")
}

func TestAProxyThatIsDown(t *testing.T) {
	// Nobody listens on port 1 of loopback.
	p := mustClient(t, behind(t, "http://user:canary@127.0.0.1:1", "https://idp.example/token"))
	wantFailure(t, failure(t, p), messages.ClassTransient, "connection refused by the proxy")
}

func TestAProxyThatHangs(t *testing.T) {
	listener, ctx := listen(t), newExpiring(t)
	ended := make(chan error, 1)
	go func() { ended <- swallow(listener, ctx.expire) }()
	got := failureIn(ctx, t, mustClient(t, behind(t, "http://"+listener.Addr().String(), "https://idp.example/token")))
	wantFailure(t, got, messages.ClassTransient, "timeout connecting to idp.example:443")
	if err := <-ended; err != nil || !got.TimedOut {
		t.Errorf("%v, timed out: %v", err, got.TimedOut)
	}
}
