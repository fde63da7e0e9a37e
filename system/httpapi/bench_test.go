package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"tokend/messages"
)

// quickKeeper answers as fast as a keeper could, so that the door alone is
// measured.
type quickKeeper struct {
	fakeKeeper
	t messages.Token
}

func (k *quickKeeper) TokenMinTTL(context.Context, string, time.Duration) (messages.Token, error) {
	return k.t, nil
}

func (k *quickKeeper) AppendCached(dst []byte, _ string, _ time.Duration) ([]byte, messages.Token, bool) {
	return append(dst, k.t.Value()...), k.t.WithValue(messages.Secret{}), true
}

func benchToken() messages.Token {
	t := billing()
	t.ExpiresAt = time.Now().Add(time.Hour)
	return t.WithValue(messages.NewSecret(strings.Repeat("eyJhbGciOi", 80)))
}

// bare returns a handler that writes the same bytes without knowing why.
func bare(body []byte) http.Handler {
	length := strconv.Itoa(len(body))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Length", length)
		_, _ = w.Write(body)
	})
}

func benchHandlers() map[string]http.Handler {
	t := benchToken()
	return map[string]http.Handler{
		"door": New(&quickKeeper{t: t}, Options{}),
		"bare": bare(TokenOf(t, time.Now()).AppendJSON(nil)),
	}
}

// BenchmarkToken is the door's own work.
func BenchmarkToken(b *testing.B) {
	for name, h := range benchHandlers() {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v1/token/billing", nil)
			w := &nowhere{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header           { return w.header }
func (*nowhere) Write(b []byte) (n int, _ error) { return len(b), nil }
func (*nowhere) WriteHeader(int)                 {}

// BenchmarkTokenServed is a whole request over loopback: the door should reach
// 0.85 times the requests of the bare handler.
func BenchmarkTokenServed(b *testing.B) {
	for name, h := range benchHandlers() {
		b.Run(name, func(b *testing.B) {
			l := listenTCPTest(b)
			serve(b, l, h)
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			defer client.CloseIdleConnections()
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					fetchOnce(b, client, "http://"+l.Addr().String()+"/v1/token/billing")
				}
			})
		})
	}
}

func fetchOnce(b *testing.B, client *http.Client, url string) {
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	if err != nil {
		b.Error(err)
		return
	}
	resp, err := client.Do(r)
	if err != nil {
		b.Error(err)
		return
	}
	var sink [4096]byte
	for err == nil {
		_, err = resp.Body.Read(sink[:])
	}
	_ = resp.Body.Close()
}
