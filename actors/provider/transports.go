package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"tokend/actors/local"
)

// maxPEM bounds a file of certificates.
const maxPEM = 1 << 20

// Bounds that hold for every connection.
const (
	maxHeaders      = 128 << 10        // bytes of an answer's headers
	idlePerHost     = 8                // connections kept to one host
	idleAtAll       = 128              // connections kept to all hosts
	idleTimeout     = 30 * time.Second // shorter than what servers commonly use, so that they seldom close first
	keepAlive       = 15 * time.Second // finds connections whose other end is gone
	lastDialTimeout = time.Minute      // of connections that no exchange bounds
)

// TLS says how a server is reached over TLS. Verification is always on.
type TLS struct {
	CAFile     string // PEM bundle that replaces the system's roots
	CertFile   string // PEM client certificate, with KeyFile
	KeyFile    string // PEM private key, with CertFile
	ServerName string // name to verify instead of the URL's host
}

// Transports are the HTTP connections of all services: one pool for each distinct
// TLS setting. They may be used concurrently. Proxies come from the environment
// (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
type Transports struct {
	userAgent string
	proxy     func(*http.Request) (*url.URL, error)

	mu      sync.Mutex
	clients map[TLS]*pool
}

// pool is the connections of one TLS setting.
type pool struct {
	*http.Client

	certificate *rotating // nil: none
}

// fresh drops idle connections that have shown a certificate which has been
// replaced since.
func (p *pool) fresh() *http.Client {
	if p.certificate == nil {
		return p.Client
	}
	if changed, err := p.certificate.refresh(); changed && err == nil {
		p.CloseIdleConnections()
	}
	return p.Client
}

// NewTransports returns Transports that call themselves userAgent.
func NewTransports(userAgent string) *Transports {
	return &Transports{
		userAgent: userAgent,
		proxy:     http.ProxyFromEnvironment,
		clients:   map[TLS]*pool{},
	}
}

// Client returns the client for a TLS setting, always the same one. It follows no
// redirect, and sets no bound but those of the request's context. Files are read
// when the setting is first asked for; while that fails, every call tries again.
// A client certificate is read anew when its files change.
func (t *Transports) Client(setting TLS) (*http.Client, error) {
	if p := t.pool(setting); p != nil {
		return p.fresh(), nil
	}
	config, certificate, err := setting.config() // not under the lock: a disk that hangs concerns one setting
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p, ok := t.clients[setting]; ok {
		return p.Client, nil // made by somebody else meanwhile
	}
	client := &http.Client{
		Transport:     &agent{t.transport(config), t.userAgent},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.clients[setting] = &pool{client, certificate}
	return client, nil
}

func (t *Transports) pool(setting TLS) *pool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clients[setting]
}

// Close closes connections that no request uses. Twice is harmless, and clients
// can still be used after it.
func (t *Transports) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, client := range t.clients {
		client.CloseIdleConnections()
	}
}

func (t *Transports) transport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                  t.proxy,
		DialContext:            dial,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    lastDialTimeout,
		OnProxyConnectResponse: checkProxy,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           idleAtAll,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaders,
	}
}

// checkProxy replaces an error that would consist of the proxy's own words.
func checkProxy(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return &proxyRefusal{answer.StatusCode}
	}
	return nil
}

// dial connects for the exchange that ctx belongs to, if any, and leaves the
// connection to it until it is ready for requests: net/http detaches dialling
// from the request that needs it, so that an end of the exchange would otherwise
// leave a hanging dial or handshake behind.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, lastDialTimeout)
	defer cancel()
	x := exchangeOf(ctx)
	if x != nil {
		defer context.AfterFunc(x.ctx, cancel)()
	}
	dialer := net.Dialer{KeepAlive: keepAlive}
	conn, err := dialer.DialContext(ctx, network, address)
	if err == nil && x != nil {
		x.guard(conn)
	}
	return conn, err
}

// agent sets the User-Agent of requests that have none.
type agent struct {
	*http.Transport

	name string
}

// RoundTrip sends req, or a copy of it with the User-Agent.
func (a *agent) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, ok := req.Header["User-Agent"]; !ok && a.name != "" {
		req = req.Clone(req.Context())
		req.Header.Set("User-Agent", a.name)
	}
	return a.Transport.RoundTrip(req)
}

// config reads the files and returns what crypto/tls wants, and the client
// certificate if there is to be one. Its errors are *unready.
func (s TLS) config() (*tls.Config, *rotating, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.ServerName}
	if s.CAFile != "" {
		pem, err := local.ReadFile(s.CAFile, maxPEM)
		if err != nil {
			return nil, nil, unreadyf("tls.ca_file: %s: %s", s.CAFile, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, nil, unreadyf("tls.ca_file: no certificate in %s", s.CAFile)
		}
	}
	if s.CertFile == "" && s.KeyFile == "" {
		return config, nil, nil
	}
	certificate, err := newRotating(s)
	if err != nil {
		return nil, nil, err
	}
	config.GetClientCertificate = certificate.current
	return config, certificate, nil
}

// pair reads the client certificate and its key.
func (s TLS) pair() (tls.Certificate, error) {
	switch {
	case s.CertFile == "":
		return tls.Certificate{}, unreadyf("tls.cert_file: missing")
	case s.KeyFile == "":
		return tls.Certificate{}, unreadyf("tls.key_file: missing")
	}
	cert, err := local.ReadFile(s.CertFile, maxPEM)
	if err != nil {
		return tls.Certificate{}, unreadyf("tls.cert_file: %s: %s", s.CertFile, err)
	}
	key, err := local.ReadFile(s.KeyFile, maxPEM)
	if err != nil {
		return tls.Certificate{}, unreadyf("tls.key_file: %s: %s", s.KeyFile, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, unreadyf("tls.cert_file, tls.key_file: %s", err)
	}
	return pair, nil
}
