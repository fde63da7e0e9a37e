package provider

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
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

// pool is the connections of one TLS setting, and what its files were and held
// when they were made. It is immutable.
type pool struct {
	*http.Client

	seen     stamps
	identity identity
}

// NewTransports returns Transports that call themselves userAgent.
func NewTransports(userAgent string) *Transports {
	return &Transports{
		userAgent: userAgent,
		proxy:     http.ProxyFromEnvironment,
		clients:   map[TLS]*pool{},
	}
}

// Client returns the client for a TLS setting, the same one as long as its files
// hold the same. It follows no redirect, and sets no bound but those of the
// request's context. When the files have changed, connections that were made with
// what they held before serve the requests on them and no others: a server could
// judge the next by a certificate that has been replaced. While the files cannot be
// used, because one has been replaced and the other not yet, what they held before
// counts; without that, every call tries again.
func (t *Transports) Client(setting TLS) (*http.Client, error) {
	before := t.pool(setting)
	if before != nil && setting.unchanged(before.seen) {
		return before.Client, nil
	}
	made, err := t.remake(setting, before) // not under the lock: a disk that hangs concerns one setting
	switch {
	case err == nil:
		return t.adopt(setting, before, made), nil
	case before != nil:
		return before.Client, nil
	default:
		return nil, err
	}
}

// remake reads the files of a setting. If they hold what they held, the client
// stays the same.
func (t *Transports) remake(setting TLS, before *pool) (*pool, error) {
	seen := setting.stamps() // before reading: what changes meanwhile is then read again
	now, err := setting.identity()
	if err != nil {
		return nil, err
	}
	if before != nil && before.identity.same(now) {
		return &pool{before.Client, seen, now}, nil
	}
	return &pool{&http.Client{
		Transport:     &agent{t.transport(now.config(setting.ServerName)), t.userAgent},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, seen, now}, nil
}

// adopt makes a pool the one of its setting, unless somebody else was faster, and
// returns the client to use.
func (t *Transports) adopt(setting TLS, before, made *pool) *http.Client {
	t.mu.Lock()
	defer t.mu.Unlock()
	if there := t.clients[setting]; there != before {
		return there.Client
	}
	t.clients[setting] = made
	if before != nil && before.Client != made.Client {
		before.CloseIdleConnections()
	}
	return made.Client
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
