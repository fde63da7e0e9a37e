package system

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"tokend/config"
)

// meeting is an IdP over TLS that says when it is asked, and counts connections.
type meeting struct {
	*httptest.Server
	asked chan struct{}
	mu    sync.Mutex
	open  map[net.Conn]bool
}

func newMeeting(t *testing.T) *meeting {
	m := &meeting{asked: make(chan struct{}, 1), open: map[net.Conn]bool{}}
	m.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"access_token":"token","expires_in":3600}`)
		m.asked <- struct{}{}
	}))
	m.Config.ConnState = func(c net.Conn, state http.ConnState) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if state == http.StateClosed {
			delete(m.open, c)
		} else {
			m.open[c] = true
		}
	}
	m.StartTLS()
	t.Cleanup(m.Close)
	return m
}

func (m *meeting) connections() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.open)
}

// round returns the configuration of a reload: one service by a TLS setting that there
// has not been, and one at a host that there has not been.
func (m *meeting) round(dir string, n int) *config.Config {
	a, b := config.ClientCredentials(oauthAt(m.URL)), config.ClientCredentials(oauthAt(fmt.Sprintf("https://idp-%d.example", n)))
	return &config.Config{Services: map[string]config.Service{
		"a": {
			Provider: config.KindClientCredentials, ClientCredentials: &a, Settings: config.Settings{Eager: new(true)},
			TLS: &config.TLS{CAFile: dir + strings.Repeat("/.", n) + "/ca.pem"},
		},
		"b": {Provider: config.KindClientCredentials, ClientCredentials: &b, TLS: &config.TLS{ServerName: fmt.Sprintf("idp-%d.example", n)}},
	}}
}

// TestAThousandReloadsLeaveNothingBehind goes through as many IdPs and TLS settings.
func TestAThousandReloadsLeaveNothingBehind(t *testing.T) {
	m, dir := newMeeting(t), t.TempDir()
	writeFile(t, filepath.Join(dir, "ca.pem"), asPEM("CERTIFICATE", m.Certificate().Raw))
	s := newSystem(t, m.round(dir, 0))
	start(t, s)
	<-m.asked
	heap := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	var before uint64
	goroutines := runtime.NumGoroutine()
	for n := range 1000 {
		if err := s.Apply(t.Context(), m.round(dir, n+1)); err != nil {
			t.Fatal(err)
		}
		<-m.asked
		if n == 100 {
			before = heap()
		}
	}
	eventually(t, "the last connection is the only one", func() bool { return m.connections() <= 1 })
	eventually(t, "there are the gates of two hosts", func() bool {
		_, there := s.at("idp-1000.example:443")
		return there && len(s.Gates()) == 2
	})
	eventually(t, "no goroutine is left of those that were", func() bool { return runtime.NumGoroutine() <= goroutines+4 })
	if grown := int64(heap()) - int64(before); grown > 2<<20 {
		t.Errorf("900 reloads have left %d KiB", grown>>10)
	}
}
