package provider

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tokend/messages"
)

const goodAnswer = `{"access_token":"at-1","token_type":"bearer","expires_in":3600}`

// quiet is a log for servers whose clients break off on purpose.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func hour() time.Time { return time.Now().Add(time.Hour) }

// nameless has a server show a certificate whose only name is its Common Name.
func nameless(t *testing.T, ca *authority) func(*httptest.Server) {
	t.Helper()
	return func(s *httptest.Server) {
		key := newKey(t)
		s.TLS = serverTLS(tls.Certificate{Certificate: [][]byte{ca.sign(t, key.Public(), nil)}, PrivateKey: key})
	}
}

// rsaAlone has a server know nothing but the exchange of keys by RSA.
func rsaAlone(t *testing.T, ca *authority) func(*httptest.Server) {
	t.Helper()
	return func(s *httptest.Server) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		s.TLS = serverTLS(tls.Certificate{Certificate: [][]byte{ca.sign(t, key.Public(), []string{"idp.example"})}, PrivateKey: key})
		s.TLS.MaxVersion, s.TLS.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
	}
}

// sign returns a certificate of a server called idp.test, with those names as SAN.
func (a *authority) sign(t *testing.T, key any, names []string) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "idp.test"}, DNSNames: names,
		NotAfter: hour(), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	_, certFile, keyFile := ca.issue(t, hour())
	const noSAN = "certificate of ADDRESS has no SAN (subject alternative name), and its Common Name counts no more: have it replaced by one that names the host there"
	wantCert := func(s *httptest.Server) {
		pool := x509.NewCertPool()
		pool.AddCert(ca.cert)
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, pool
	}
	cases := map[string]struct {
		tls    TLS
		until  time.Time
		change func(*httptest.Server)
		want   string // empty: success
	}{
		"a CA file":                         {tls: TLS{CAFile: ca.file}},
		"a name that the certificate has":   {tls: TLS{CAFile: ca.file, ServerName: "idp.example"}},
		"HTTP/2":                            {tls: TLS{CAFile: ca.file}, change: func(s *httptest.Server) { s.EnableHTTP2 = true }},
		"a client certificate":              {tls: TLS{CAFile: ca.file, CertFile: certFile, KeyFile: keyFile}, change: wantCert},
		"a CA the system does not know":     {want: "certificate signed by unknown authority: set tls.ca_file"},
		"a CA file that replaces the roots": {tls: TLS{CAFile: other.file}, want: "certificate signed by unknown authority: set tls.ca_file"},
		"a name it does not have":           {tls: TLS{CAFile: ca.file, ServerName: "wrong.example"}, want: "certificate is for another name than ADDRESS: set tls.server_name"},
		"an expired certificate":            {tls: TLS{CAFile: ca.file}, until: time.Now().Add(-time.Hour), want: "certificate of ADDRESS has expired or is not valid yet"},
		"no client certificate":             {tls: TLS{CAFile: ca.file}, change: wantCert, want: "ADDRESS ended the TLS handshake: tls: certificate required: set tls.cert_file and tls.key_file"},
		"too old a version":                 {tls: TLS{CAFile: ca.file}, change: func(s *httptest.Server) { s.TLS.MinVersion, s.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, want: "ADDRESS ended the TLS handshake: tls: protocol version not supported: " + oldVersion},
		"RSA key exchange alone":            {tls: TLS{CAFile: ca.file}, change: rsaAlone(t, ca), want: "ADDRESS ended the TLS handshake: tls: handshake failure: " + oldTLS},
		"a Common Name alone":               {tls: TLS{CAFile: ca.file}, change: nameless(t, ca), want: noSAN},
		"a Common Name alone, asked for":    {tls: TLS{CAFile: ca.file, ServerName: "idp.test"}, change: nameless(t, ca), want: noSAN},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.until.IsZero() {
				c.until = hour()
			}
			server := ca.serveTLS(t, c.until, says(200, goodAnswer), c.change)
			settings := client(t, server.URL)
			settings.TLS = c.tls
			p := mustClient(t, settings)
			if c.want == "" {
				acquire(t, p)
				return
			}
			want := strings.ReplaceAll(c.want, "ADDRESS", p.(Hosted).Host())
			wantFailure(t, failure(t, p), messages.ClassTransient, want)
		})
	}
}

func TestFilesThatCannotBeUsedConcernTheirServiceOnly(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		tls  TLS
		want string
	}{
		"no such CA file":      {TLS{CAFile: "/nowhere/ca.pem"}, "tls.ca_file: /nowhere/ca.pem: no such file or directory"},
		"nothing in it":        {TLS{CAFile: empty}, "tls.ca_file: no certificate in " + empty},
		"no such certificate":  {TLS{CertFile: "/nowhere/c.pem", KeyFile: "/nowhere/k.pem"}, "tls.cert_file: /nowhere/c.pem: no such file or directory"},
		"no key to be read":    {TLS{CertFile: empty}, "tls.key_file: missing"},
		"nothing in that file": {TLS{CertFile: empty, KeyFile: empty}, "tls.cert_file, tls.key_file: tls: failed to find any PEM data in certificate input"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			settings := client(t, "https://127.0.0.1:1/")
			settings.TLS = c.tls
			wantFailure(t, failure(t, mustClient(t, settings)), messages.ClassTransient, c.want)
		})
	}
}

func TestAFileIsReadWhenItIsThere(t *testing.T) {
	ca := newAuthority(t)
	server := ca.serveTLS(t, hour(), says(200, goodAnswer), nil)
	settings := client(t, server.URL)
	settings.TLS.CAFile = filepath.Join(t.TempDir(), "late.pem")
	p := mustClient(t, settings)
	failure(t, p)
	if err := os.Rename(ca.file, settings.TLS.CAFile); err != nil {
		t.Fatal(err)
	}
	acquire(t, p)
}

func TestServicesWithOneTLSSettingShareATransport(t *testing.T) {
	ca := newAuthority(t)
	transports := NewTransports("")
	var group sync.WaitGroup
	clients := make([]*http.Client, 20)
	for i := range clients {
		group.Go(func() {
			c, err := transports.Client(TLS{CAFile: ca.file})
			if err != nil {
				t.Error(err)
			}
			clients[i] = c
		})
	}
	group.Wait()
	for _, c := range clients {
		if c != clients[0] {
			t.Fatal("two clients for one setting")
		}
	}
	if other, err := transports.Client(TLS{}); err != nil || other == clients[0] {
		t.Errorf("one client for two settings (%v)", err)
	}
}

func TestConnectionsAreKeptUntilClosed(t *testing.T) {
	remotes := make(chan string, 3)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		remotes <- r.RemoteAddr
		says(200, goodAnswer)(w, r)
	})
	settings := client(t, server.URL)
	p := mustClient(t, settings)
	acquire(t, p)
	acquire(t, p)
	if first, second := <-remotes, <-remotes; first != second {
		t.Error("the second request had a connection of its own")
	} else {
		settings.Transports.Close()
		settings.Transports.Close()
		acquire(t, p)
		if third := <-remotes; third == first {
			t.Error("the connection outlived Close")
		}
	}
}

func TestSettingsThatNobodyUsesAreForgotten(t *testing.T) {
	ca, transports := newAuthority(t), NewTransports("")
	mine := func(setting TLS) *http.Client {
		c, err := transports.Client(setting)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	used, unused, read := TLS{}, TLS{CAFile: ca.file}, TLS{ServerName: "idp.example"}
	kept, gone := mine(used), mine(unused)
	mine(read)
	files := transports.pool(read)
	files.mu.Lock() // as one whose files lie on a disk that hangs: Keep does not wait for it
	transports.Keep(map[TLS]bool{used: true})
	files.mu.Unlock()
	if len(transports.pools) != 1 || mine(used) != kept {
		t.Errorf("%d settings are left", len(transports.pools))
	}
	if mine(unused) == gone {
		t.Error("one that was forgotten has its connections still")
	}
}

func TestAConnectionEndsWithItsSetting(t *testing.T) {
	ended := make(chan struct{})
	ca := newAuthority(t)
	server := ca.serveTLS(t, hour(), says(200, goodAnswer), func(s *httptest.Server) {
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				close(ended)
			}
		}
	})
	settings := client(t, server.URL)
	settings.TLS = TLS{CAFile: ca.file}
	acquire(t, mustClient(t, settings))
	settings.Transports.Keep(map[TLS]bool{settings.TLS: true})
	select {
	case <-ended:
		t.Fatal("it ended while it was used")
	default:
	}
	settings.Transports.Keep(nil)
	<-ended
}

func TestRequestsSayWhoSendsThem(t *testing.T) {
	agents := make(chan string, 2)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		agents <- r.UserAgent()
		says(200, goodAnswer)(w, r)
	})
	acquire(t, mustClient(t, client(t, server.URL)))
	l := loginTo(t, server.URL, Response{Token: "access_token"})
	l.Request = func() (HTTPRequest, error) {
		return HTTPRequest{URL: server.URL, Headers: map[string]string{"user-agent": "mine"}}, nil
	}
	acquire(t, mustLogin(t, l))
	if first, second := <-agents, <-agents; first != "tokend/test" || second != "mine" {
		t.Errorf("got %q and %q", first, second)
	}
}

// net/http tells of a connection in different places for HTTP/1 and HTTP/2, new
// and kept; missing one would end a slow answer as if it had not connected.
func TestEveryKindOfConnectionEndsConnecting(t *testing.T) {
	ca := newAuthority(t)
	for name, protocol := range map[string]int{"HTTP/1.1": 1, "HTTP/2": 2} {
		t.Run(name, func(t *testing.T) {
			protocols := make(chan int, 2)
			server := ca.serveTLS(t, hour(), func(w http.ResponseWriter, r *http.Request) {
				protocols <- r.ProtoMajor
				says(200, goodAnswer)(w, r)
			}, func(s *httptest.Server) { s.EnableHTTP2 = protocol == 2 })
			web, err := reach(t).Transports.Client(TLS{CAFile: ca.file})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				exchangeOnce(t, web, server.URL)
				if got := <-protocols; got != protocol {
					t.Errorf("spoke HTTP/%d", got)
				}
			}
		})
	}
}

func TestHeadersAreBoundedWhateverTheProtocol(t *testing.T) {
	ca := newAuthority(t)
	for name, protocol := range map[string]int{"HTTP/1.1": 1, "HTTP/2": 2} {
		t.Run(name, func(t *testing.T) {
			server := ca.serveTLS(t, hour(), says(200, goodAnswer, "X-Huge", strings.Repeat("h", 2*maxHeaders)),
				func(s *httptest.Server) { s.EnableHTTP2 = protocol == 2 })
			settings := client(t, server.URL)
			settings.TLS.CAFile = ca.file
			p := mustClient(t, settings)
			wantFailure(t, failure(t, p), messages.ClassTransient, "no valid HTTP answer from "+p.(Hosted).Host())
		})
	}
}

func exchangeOnce(t *testing.T, web *http.Client, address string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader("a=b"))
	if err != nil {
		t.Fatal(err)
	}
	x := newExchange(t.Context(), "idp.example:443", time.Hour)
	defer x.close()
	if _, err := x.send(web, req); err != nil {
		t.Fatal(err)
	}
	if x.timer.Stop() {
		t.Error("the time for connecting was running to the end")
	}
}
