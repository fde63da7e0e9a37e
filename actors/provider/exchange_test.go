package provider

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tokend/messages"
)

// hijack answers with raw bytes and then ends the connection.
func hijack(t *testing.T, raw string, reset bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, raw)
		if reset {
			_ = conn.(*net.TCPConn).SetLinger(0)
		}
		_ = conn.Close()
	}
}

func zipped(size int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.Copy(z, io.LimitReader(spaces{}, int64(size)))
		_, _ = io.WriteString(z, goodAnswer)
		_ = z.Close()
	}
}

type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestAnswersThatAreNone(t *testing.T) {
	const transient, malformed = messages.ClassTransient, messages.ClassMalformed
	big := `{"access_token":"at","x":"` + strings.Repeat("a", maxBody) + `"}`
	cases := map[string]struct {
		handler     http.HandlerFunc
		class, text string
	}{
		"closed before anything came":       {hijack(t, "", false), transient, "connection closed by ADDRESS before the answer was complete"},
		"reset":                             {hijack(t, "", true), transient, "connection reset by ADDRESS"},
		"no HTTP":                           {hijack(t, "SSH-2.0-canary\r\n", false), transient, "no valid HTTP answer from ADDRESS"},
		"headers and then nothing":          {hijack(t, "HTTP/1.1 200 OK\r\n\r\n", false), malformed, "answer is empty"},
		"a body that is cut":                {hijack(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"access", false), transient, "connection closed by ADDRESS before the answer was complete"},
		"chunks that are cut":               {hijack(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"acc\r\n", false), transient, "connection closed by ADDRESS before the answer was complete"},
		"a refusal whose body is cut":       {hijack(t, "HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\n{\"error", false), messages.ClassRejected, "401 unauthorized"},
		"endless headers":                   {hijack(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("a", 2*maxHeaders)+"\r\n\r\n", false), transient, "no valid HTTP answer from ADDRESS"},
		"more than 1 MiB":                   {says(200, big), malformed, "answer is larger than 1048576 bytes"},
		"a refusal of more than 1 MiB":      {says(403, big), messages.ClassRejected, "403 forbidden"},
		"gzip that grows beyond 1 MiB":      {zipped(8 << 20), malformed, "answer is larger than 1048576 bytes"},
		"gzip that is none":                 {says(200, goodAnswer, "Content-Encoding", "gzip"), malformed, "answer cannot be decompressed"},
		"204":                               {says(204, ""), malformed, "answer is empty"},
		"an encoding that nobody asked for": {says(200, "\x1f\x8b", "Content-Encoding", "br"), malformed, "answer is not JSON: is token_url right?"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := serve(t, c.handler)
			p := mustClient(t, client(t, server.URL))
			wantFailure(t, failure(t, p), c.class, strings.ReplaceAll(c.text, "ADDRESS", p.(Hosted).Host()))
		})
	}
}

func TestGzipIsUnderstood(t *testing.T) {
	server := serve(t, zipped(maxBody-len(goodAnswer)))
	acquire(t, mustClient(t, client(t, server.URL)))
}

func TestNobodyListens(t *testing.T) {
	const address = "127.0.0.1:1" // where nobody listens
	got := failure(t, mustClient(t, client(t, "http://"+address)))
	wantFailure(t, got, messages.ClassTransient, "connection refused by "+address)
	if got.TimedOut {
		t.Error("a refusal is no timeout")
	}
}

func TestTLSWhereNobodySpeaksIt(t *testing.T) {
	server := serve(t, says(200, goodAnswer))
	p := mustClient(t, client(t, strings.Replace(server.URL, "http:", "https:", 1)))
	wantFailure(t, failure(t, p), messages.ClassTransient, p.(Hosted).Host()+" does not speak TLS: is it http://?")
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func TestAnAnswerThatDoesNotCome(t *testing.T) {
	ctx := newExpiring(t)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server notices the client go
		ctx.expire()
		<-r.Context().Done()
	})
	p := mustClient(t, client(t, server.URL))
	got := failureIn(ctx, t, p)
	wantFailure(t, got, messages.ClassTransient, "timeout waiting for the answer of "+p.(Hosted).Host())
	if !got.TimedOut {
		t.Error("not a timeout")
	}
}

func TestAnAnswerThatDoesNotEnd(t *testing.T) {
	ctx := newExpiring(t)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"access_token":"at`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	e := reach(t)
	web, err := e.Transports.Client(e.TLS)
	if err != nil {
		t.Fatal(err)
	}
	x := newExchange(ctx, "idp.example:443", time.Minute)
	defer x.close()
	slow := &http.Client{Transport: afterHeaders{web.Transport, ctx.expire}}
	_, err = x.send(slow, req)
	wantFailure(t, Classify(err), messages.ClassTransient, "timeout reading the answer of idp.example:443")
}

// afterHeaders calls then when reading of the body begins.
type afterHeaders struct {
	http.RoundTripper

	then func()
}

func (a afterHeaders) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.RoundTripper.RoundTrip(req)
	if err == nil {
		resp.Body = &firstRead{resp.Body, a.then}
	}
	return resp, err
}

type firstRead struct {
	io.ReadCloser

	then func()
}

func (f *firstRead) Read(b []byte) (int, error) {
	if f.then != nil {
		f.then()
		f.then = nil
	}
	return f.ReadCloser.Read(b)
}

func TestAnAcquisitionThatIsCalledOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	got := failureIn(ctx, t, mustClient(t, client(t, server.URL)))
	wantFailure(t, got, messages.ClassTransient, "acquisition was called off")
	if got.TimedOut {
		t.Error("not a timeout")
	}
}

// A server that accepts and says nothing holds up a TLS handshake. What is left
// of the connection must be closed at once, although net/http would go on with
// it in the background.
func TestAHandshakeThatHangsIsGivenUp(t *testing.T) {
	listener, ctx := listen(t), newExpiring(t)
	ended := make(chan error, 1)
	go func() { ended <- swallow(listener, ctx.expire) }()
	got := failureIn(ctx, t, mustClient(t, client(t, "https://"+listener.Addr().String())))
	wantFailure(t, got, messages.ClassTransient, "timeout connecting to "+listener.Addr().String())
	if !got.TimedOut {
		t.Error("not a timeout")
	}
	if err := <-ended; err != nil {
		t.Errorf("the connection was not closed: %v", err)
	}
}

// swallow reads one connection to its end, and tells when something has come.
func swallow(listener net.Listener, begun func()) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err = conn.Read(make([]byte, 1)); err != nil {
		return err
	}
	begun()
	_, err = io.Copy(io.Discard, bufio.NewReader(conn))
	return err
}

func TestConnectingHasATimeOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := client(t, "https://idp.example/")
		settings.ConnectTimeout = time.Second
		settings.Transports.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			x := exchangeOf(ctx)
			<-x.ctx.Done()
			return nil, context.Cause(x.ctx)
		}
		begin := time.Now()
		got := failure(t, mustClient(t, settings))
		wantFailure(t, got, messages.ClassTransient, "timeout connecting to idp.example:443")
		if took := time.Since(begin); took != time.Second || !got.TimedOut {
			t.Errorf("it took %v, a timeout: %v", took, got.TimedOut)
		}
	})
}

func TestTheTimeForConnectingEndsWithConnecting(t *testing.T) {
	x := newExchange(t.Context(), "idp.example:443", time.Hour)
	defer x.close()
	x.connected(nil)
	if x.timer.Stop() {
		t.Error("it runs on, and would end the wait for the answer")
	}
}

func TestAConnectionMadeForNobodyIsLeftToThePool(t *testing.T) {
	ours, theirs := net.Pipe()
	defer func() { _ = ours.Close(); _ = theirs.Close() }()
	x := newExchange(t.Context(), "idp.example:443", time.Hour)
	x.connected(nil)
	x.guard(ours)
	x.close()
	go func() { _, _ = fmt.Fprint(ours, "x") }()
	if _, err := theirs.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}
