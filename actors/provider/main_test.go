package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tokend/messages"
)

// TestMain fails the package if anything outlives its tests: a dial that nobody
// waits for, a connection that no pool owns.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == helper {
		// At once: a test with the race detector would wait for a second.
		syscall.Exit(help(os.Args[2], os.Args[3:]))
	}
	if target := os.Getenv(proxyTarget); target != "" {
		os.Exit(throughProxy(target))
	}
	goleak.VerifyTestMain(m)
}

// reach returns an Endpoint whose connections end with the test.
func reach(t testing.TB) Endpoint {
	t.Helper()
	transports := NewTransports("tokend/test")
	t.Cleanup(transports.Close)
	return Endpoint{Transports: transports, ConnectTimeout: time.Minute}
}

// serve starts an endpoint on loopback.
func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

// says answers with a status, a body and headers in pairs.
func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func hush(text string) func() (Text, error) {
	return func() (Text, error) { return Text{Secret: messages.NewSecret(text)}, nil }
}

func secret(text string) func() (messages.Secret, error) {
	return func() (messages.Secret, error) { return messages.NewSecret(text), nil }
}

// client returns settings that work at url.
func client(t testing.TB, url string) ClientCredentials {
	t.Helper()
	return ClientCredentials{Endpoint: reach(t), TokenURL: url, ClientID: "probe", ClientSecret: hush("open sesame")}
}

func mustClient(t testing.TB, c ClientCredentials) Provider {
	t.Helper()
	p, err := NewClientCredentials(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// loginTo returns a Login that posts JSON to url.
func loginTo(t testing.TB, url string, response Response) Login {
	t.Helper()
	return Login{
		Endpoint: reach(t),
		Request: func() (HTTPRequest, error) {
			return HTTPRequest{URL: url, JSON: map[string]any{"user": "probe", "password": "open sesame"}}, nil
		},
		Response: response,
	}
}

func mustLogin(t testing.TB, l Login) Provider {
	t.Helper()
	p, err := NewLogin(l)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// acquire expects success.
func acquire(t testing.TB, p Provider) Result {
	t.Helper()
	res, err := Acquire(t.Context(), p, Request{Service: "billing"})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// failure expects an *Error.
func failure(t testing.TB, p Provider) *Error {
	t.Helper()
	return failureIn(t.Context(), t, p)
}

func failureIn(ctx context.Context, t testing.TB, p Provider) *Error {
	t.Helper()
	res, err := Acquire(ctx, p, Request{Service: "billing"})
	if err == nil {
		if _, late := Lifetime(res, time.Now(), time.Now(), Bounds{}); late != nil {
			err = late
		}
	}
	return asError(t, err)
}

func asError(t testing.TB, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T), want an *Error", err, err)
	}
	return e
}

func wantFailure(t testing.TB, got *Error, class, text string) {
	t.Helper()
	if got.Class != class || got.Text != text {
		t.Errorf("got  %s: %s\nwant %s: %s", got.Class, got.Text, class, text)
	}
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// expiring is a context whose deadline passes when the test says so.
type expiring struct {
	context.Context

	done chan struct{}
}

func newExpiring(t testing.TB) *expiring { return &expiring{t.Context(), make(chan struct{})} }

func (c *expiring) expire()               { close(c.done) }
func (c *expiring) Done() <-chan struct{} { return c.done }

func (c *expiring) Err() error {
	select {
	case <-c.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
