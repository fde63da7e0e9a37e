package provider

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"

	"tokend/messages"
)

// resets is a server of HTTP/2 that gives every request back with the same code,
// and counts the requests.
func resets(t *testing.T, ca *authority, code http2.ErrCode) (address string, requests *atomic.Int32) {
	t.Helper()
	pair, _, _ := ca.issue(t, hour())
	listener := tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}})
	requests = new(atomic.Int32)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(t.Context(), func() { _ = conn.Close() })
			go reset(conn, code, requests)
		}
	}()
	return listener.Addr().String(), requests
}

// reset speaks as much of HTTP/2 as it takes, until the connection ends.
func reset(conn net.Conn, code http2.ErrCode, requests *atomic.Int32) {
	defer func() { _ = conn.Close() }()
	if _, err := io.CopyN(io.Discard, conn, int64(len(http2.ClientPreface))); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	_ = framer.WriteSettings()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			requests.Add(1)
		case *http2.DataFrame:
			if frame.StreamEnded() {
				_ = framer.WriteRSTStream(frame.StreamID, code)
			}
		}
	}
}

// net/http sends a request again that a server of HTTP/2 has given back, up to
// seven times. After PROTOCOL_ERROR nobody knows whether it was carried out, and
// an assertion or a single-use refresh token is spent then.
func TestARequestThatIsGivenBackIsNotSentAgain(t *testing.T) {
	ca := newAuthority(t)
	for name, code := range map[string]http2.ErrCode{
		"refused": http2.ErrCodeRefusedStream, "perhaps carried out": http2.ErrCodeProtocol, "broken": http2.ErrCodeInternal,
	} {
		t.Run(name, func(t *testing.T) {
			address, requests := resets(t, ca, code)
			settings := client(t, "https://"+address)
			settings.TLS.CAFile = ca.file
			got := failure(t, mustClient(t, settings))
			if n := requests.Load(); n != 1 || got.Class != messages.ClassTransient || got.TimedOut {
				t.Errorf("%d requests; %+v", n, got)
			}
		})
	}
}
