package httpapi

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tokend/system/access"
)

// BenchmarkTokenKnown is the door's own work with access control, by what the
// caller is known.
func BenchmarkTokenKnown(b *testing.B) {
	key, hash := access.NewKey()
	shared := policyOf(b, 1_000_000, access.Client{Name: "ci", KeyHash: hash, Grants: granting("get", "erp-*", "billing")},
		access.Client{Name: "anybody", Listener: "open", Grants: granting("get", "billing")})
	l := listenTCPTest(b)
	defer func() { _ = l.Close() }()
	h := New(&quickKeeper{t: benchToken()}, Options{Access: shared})
	for name, header := range map[string]string{"open": "", "port": "Bearer " + key.Reveal()} {
		b.Run(name, func(b *testing.B) {
			d, err := NewDoor(l, Endpoint{Name: name}, DoorOptions{})
			if err != nil {
				b.Fatal(err)
			}
			near, far := net.Pipe()
			defer func() { _, _ = near.Close(), far.Close() }()
			r := httptest.NewRequestWithContext(d.connContext(b.Context(), near), http.MethodGet, "/v1/token/billing", nil)
			r.Host = "127.0.0.1:7460"
			if header != "" {
				r.Header.Set("Authorization", header)
			}
			w := &nowhere{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkTokenServedKnown is a whole request over loopback with a key, beside a
// bare handler; it should reach 0.85 times its requests.
func BenchmarkTokenServedKnown(b *testing.B) {
	key, hash := access.NewKey()
	t := benchToken()
	shared := policyOf(b, 0, access.Client{Name: "ci", KeyHash: hash, Grants: granting("get", "billing")})
	_, known := serveDoor(b, &quickKeeper{t: t}, Endpoint{Address: "tcp://127.0.0.1:0"}, Options{Access: shared}, DoorOptions{})
	plain := listenTCPTest(b)
	serve(b, plain, bare(TokenOf(t, time.Now()).AppendJSON(nil)))
	for name, l := range map[string]net.Listener{"door": known, "bare": plain} {
		b.Run(name, func(b *testing.B) {
			client := &http.Client{Transport: withKey{"Bearer " + key.Reveal(), &http.Transport{MaxIdleConnsPerHost: 64}}}
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

// withKey sends a key along.
type withKey struct {
	header string
	*http.Transport
}

func (k withKey) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", k.header)
	return k.Transport.RoundTrip(r)
}
