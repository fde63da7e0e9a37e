package provider

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Bounds that hold for every connection.
const (
	maxHeaders      = 128 << 10        // bytes of an answer's headers
	idlePerHost     = 8                // connections kept to one host
	idleAtAll       = 128              // connections kept to all hosts
	idleTimeout     = 30 * time.Second // shorter than what servers commonly use, so that they seldom close first
	keepAlive       = 15 * time.Second // finds connections whose other end is gone
	lastDialTimeout = time.Minute      // of connections that no exchange bounds
	late            = time.Second      // of HTTP/2, before the other end is asked whether it is there
	doubt           = 2 * time.Second  // of silence: new requests use another connection
	silence         = 3 * time.Second  // of silence: the request goes to another connection
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

	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu    sync.Mutex
	pools map[TLS]*pool
}

// NewTransports returns Transports that call themselves userAgent.
func NewTransports(userAgent string) *Transports {
	return &Transports{
		userAgent: userAgent,
		proxy:     http.ProxyFromEnvironment,
		dial:      dial,
		pools:     map[TLS]*pool{},
	}
}

// Client returns the client for a TLS setting. It follows no redirect, and sets no
// bound but those of the request's context. It is always the same one, until the
// setting's files change: then it is one that uses them as they are now. While they
// cannot be used, every call tries again.
func (t *Transports) Client(setting TLS) (*http.Client, error) {
	return t.pool(setting).current(t)
}

func (t *Transports) pool(setting TLS) *pool {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.pools[setting]
	if !ok {
		p = &pool{setting: setting}
		t.pools[setting] = p
	}
	return p
}

// Keep forgets all settings but those that are used, and closes their connections
// that no request uses. A request that is under way may finish, and its connection is
// closed soon after. Clients of a setting that was forgotten can still be used.
func (t *Transports) Keep(used map[TLS]bool) {
	t.mu.Lock()
	var gone []*pool
	for setting, p := range t.pools {
		if !used[setting] {
			gone = append(gone, p)
			delete(t.pools, setting)
		}
	}
	t.mu.Unlock()
	for _, p := range gone {
		p.closeSoon()
	}
}

// Close closes connections that no request uses. Twice is harmless, and clients
// can still be used after it.
func (t *Transports) Close() {
	t.mu.Lock()
	pools := slices.Collect(maps.Values(t.pools))
	t.mu.Unlock()
	for _, p := range pools {
		p.close()
	}
}

func (t *Transports) client(config *tls.Config) *http.Client {
	return &http.Client{
		Transport:     newRoutes(t, config),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (t *Transports) transport(config *tls.Config, dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		Proxy:                  t.proxy,
		DialContext:            dial,
		TLSClientConfig:        config.Clone(), // net/http writes to it, and others share it
		TLSHandshakeTimeout:    lastDialTimeout,
		OnProxyConnectResponse: checkProxy,
		DisableCompression:     true, // an answer does that, and bounds it
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: late, PingTimeout: lastDialTimeout}, // an exchange listens itself
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

// dial connects for the exchange that ctx belongs to, if any: net/http detaches
// dialling from the request that needs it, so that an end of the exchange would
// otherwise leave a hanging dial behind.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, lastDialTimeout)
	defer cancel()
	if x := exchangeOf(ctx); x != nil {
		defer context.AfterFunc(x.ctx, cancel)()
	}
	dialer := net.Dialer{KeepAlive: keepAlive}
	return dialer.DialContext(ctx, network, address)
}
