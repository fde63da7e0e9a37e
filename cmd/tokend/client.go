package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"tokend/messages"
	"tokend/system/httpapi"
)

const (
	defaultAddr = "unix:///run/tokend/tokend.sock"
	addrEnv     = "TOKEND_ADDR"

	// clientTimeout leaves the node the time to say that a wait was in vain.
	clientTimeout = httpapi.MaxWait + 5*time.Second
	// maxAnswer is room for the infos of 100,000 services.
	maxAnswer = 128 << 20
)

const addrHelp = `

The node is found by --addr, else by the environment variable TOKEND_ADDR, else
at unix:///run/tokend/tokend.sock. An address is unix:///path/of/socket,
http://127.0.0.1:7460 or, on any machine, https://host:port. Over TCP the key in
--key-file, else in the file that TOKEND_KEY_FILE names, is sent.
TOKEND_CA_FILE, TOKEND_CERT_FILE, TOKEND_CERT_KEY_FILE and TOKEND_SOCKET_OWNER
stand for the flags of those names. --wait 30s waits for a node that is still
starting.`

// node is a tokend that serves somewhere.
type node struct {
	addr    string // as the node itself prints it
	base    string // of every URL
	key     messages.Secret
	client  *http.Client
	until   time.Time     // how long to go on asking; zero: ask once
	timeout time.Duration // of one answer; 0: clientTimeout

	lookedUp atomic.Bool // what a name was meant to be
}

// findNode applies the rules of addrHelp.
func (p program) findNode(at place) (*node, error) {
	addr := cmp.Or(at.addr, p.getenv(addrEnv), defaultAddr)
	at = p.withEnvironment(at)
	// No proxy stands between two programs on one machine.
	transport := &http.Transport{DisableKeepAlives: true}
	n := &node{addr: addr, base: "http://localhost", timeout: at.timeout, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if at.wait > 0 {
		n.until = time.Now().Add(at.wait)
	}
	if path, ok := strings.CutPrefix(addr, "unix://"); ok && strings.HasPrefix(path, "/") {
		owner, err := at.owner()
		transport.DialContext = socketDialer{path: path, named: owner}.dial
		return n, err
	}
	host, err := nodeURL(addr)
	if err != nil {
		return nil, err
	}
	n.addr, n.base = host.String(), host.String()
	if n.key, err = p.key(at); err != nil {
		return nil, err
	}
	if host.Scheme == "https" {
		transport.TLSClientConfig, err = at.tlsConfig(host.Hostname())
		return n, err
	}
	transport.DialContext = dialHere
	if at.tlsFlags {
		err = usageError("--ca-file, --cert-file and --cert-key-file are for https addresses")
	}
	return n, err
}

// patience returns how long one answer of the node may take.
func (n *node) patience() time.Duration { return cmp.Or(n.timeout, clientTimeout) }

// get returns the body of a 200 answer, see ask.
func (n *node) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	return n.ask(ctx, http.MethodGet, withQuery(path, query), nil)
}

func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// ask returns the body of a 200 answer. Any other answer is an error, a
// *httpapi.Problem if the node says what is wrong. It asks again as long as --wait
// says, see worthWaiting.
func (n *node) ask(ctx context.Context, method, target string, send []byte) (body []byte, err error) {
	err = n.persist(ctx, method, func(ctx context.Context) (err error) {
		body, err = n.askOnce(ctx, method, target, send)
		return err
	})
	return body, err
}

func (n *node) askOnce(ctx context.Context, method, target string, send []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, n.patience())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, n.base+target, bytes.NewReader(send))
	if err != nil {
		return nil, err
	}
	n.identify(r)
	resp, err := n.client.Do(r)
	if err != nil {
		return nil, n.unreachable(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, n.unreachable(ctx, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, n.refusal(ctx, resp, body)
	}
	return body, nil
}

// identify says who asks, if there is a key for that.
func (n *node) identify(r *http.Request) {
	if !n.key.IsZero() {
		r.Header.Set("Authorization", "Bearer "+n.key.Reveal())
	}
}

// token returns the service's token, and the answer as it came. It wishes for one
// with that life left; zero: the service's own wish.
func (n *node) token(ctx context.Context, service string, minTTL time.Duration) (httpapi.Token, []byte, error) {
	path, err := servicePath("/v1/token/", service)
	if err != nil {
		return httpapi.Token{}, nil, err
	}
	query := url.Values{}
	if minTTL > 0 {
		query.Set("min_ttl", minTTL.String())
	}
	body, err := n.get(ctx, path, query)
	if err != nil {
		return httpapi.Token{}, nil, err
	}
	var token httpapi.Token
	err = n.decode(body, &token)
	if err == nil && token.AccessToken.IsZero() {
		err = n.stranger()
	}
	return token, body, err
}

// refusal returns what the node says is wrong. To an unknown service it adds which
// ones there are.
func (n *node) refusal(ctx context.Context, resp *http.Response, body []byte) error {
	var p httpapi.Problem
	if strings.HasPrefix(n.base, "http:") && bytes.Contains(body, []byte("sent an HTTP request to an HTTPS server")) {
		return unavailable(fmt.Errorf("the node at %s uses TLS: its address begins with https://", n.addr))
	}
	if err := json.Unmarshal(body, &p); err != nil || p.Code == "" {
		return unavailable(fmt.Errorf("what answers at %s is no tokend: status %d", n.addr, resp.StatusCode))
	}
	// Once: some ask again and again.
	if p.Code == httpapi.CodeUnknownService && n.lookedUp.CompareAndSwap(false, true) {
		p.Detail += n.meant(ctx, p.Service)
	}
	return &p
}

// decode reads an answer of the node.
func (n *node) decode(body []byte, into any) error {
	if json.Unmarshal(body, into) != nil {
		return n.stranger()
	}
	return nil
}

func (n *node) stranger() error {
	return unavailable(fmt.Errorf("what answers at %s is no tokend, or one of another version", n.addr))
}

// servicePath returns the path of a service's resource. A name that has no plain
// path, such as one with a slash, is nobody's.
func servicePath(prefix, service string) (string, error) {
	if service == "" || service == "." || service == ".." || url.PathEscape(service) != service {
		return "", &httpapi.Problem{Code: httpapi.CodeUnknownService, Detail: fmt.Sprintf("no service can have the name %.64q", service)}
	}
	return prefix + service, nil
}
