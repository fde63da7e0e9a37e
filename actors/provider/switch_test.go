package provider

import (
	"io"
	"net"
	"net/http"
	"testing"

	"tokend/messages"
)

// switches answers every request with a change of protocol and then says nothing
// until the client hangs up, which it reports.
func switches(t *testing.T) (url string, hungUp <-chan struct{}) {
	t.Helper()
	done := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func(conn net.Conn) {
			defer close(done)
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		}(conn)
	})
	return server.URL, done
}

// net/http leaves the connection of such an answer to its caller and forgets the
// request's context: reading it would never end.
func TestAChangeOfProtocolIsNoAnswer(t *testing.T) {
	url, hungUp := switches(t)
	got := failure(t, mustClient(t, client(t, url)))
	wantFailure(t, got, messages.ClassTransient, "101: the endpoint changes the protocol instead of answering")
	if got.Status != http.StatusSwitchingProtocols {
		t.Errorf("status %d", got.Status)
	}
	<-hungUp
}

// deaf is a body that only its own end ends.
type deaf struct{ closed chan struct{} }

func (d *deaf) Read([]byte) (int, error) { <-d.closed; return 0, net.ErrClosed }
func (d *deaf) Close() error {
	select {
	case <-d.closed:
	default:
		close(d.closed)
	}
	return nil
}

type answers func(*http.Request) (*http.Response, error)

func (f answers) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestABodyThatForgetsItsRequestEndsWithIt(t *testing.T) {
	ctx := newExpiring(t)
	x := newExchange(ctx, "idp.example:443", defaultConnectTimeout)
	defer x.close()
	x.connected(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://idp.example/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_, err = x.send(&http.Client{Transport: answers(func(*http.Request) (*http.Response, error) {
		ctx.expire()
		return &http.Response{StatusCode: http.StatusOK, Body: &deaf{make(chan struct{})}}, nil
	})}, req)
	wantFailure(t, Classify(err), messages.ClassTransient, "timeout reading the answer of idp.example:443")
}
