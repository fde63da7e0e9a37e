package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
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

// addressForms says what an address looks like. tcp:// is understood as well, for
// that is how a configuration writes it.
const addressForms = "an address is unix:///path/of/socket or http://127.0.0.1:7460"

const addrHelp = `

The node is found by --addr, else by the environment variable TOKEND_ADDR, else
at unix:///run/tokend/tokend.sock. An address is unix:///path/of/socket,
http://127.0.0.1:7460 or, on any machine, https://host:port. Over TCP the key in
--key-file, else in the file that TOKEND_KEY_FILE names, is sent.`

// node is a tokend that serves somewhere.
type node struct {
	addr   string // as the node itself prints it
	base   string // of every URL
	key    messages.Secret
	client *http.Client

	lookedUp atomic.Bool // what a name was meant to be
}

// findNode applies the rules of addrHelp.
func (p program) findNode(at place) (*node, error) {
	addr := at.addr
	if addr == "" {
		addr = p.getenv(addrEnv)
	}
	if addr == "" {
		addr = defaultAddr
	}
	// No proxy stands between two programs on one machine.
	transport := &http.Transport{DisableKeepAlives: true}
	n := &node{addr: addr, base: "http://localhost", client: &http.Client{
		Transport:     transport,
		Timeout:       clientTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if path, ok := strings.CutPrefix(addr, "unix://"); ok && strings.HasPrefix(path, "/") {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		return n, nil
	}
	base, err := nodeURL(addr)
	if err != nil {
		return nil, err
	}
	n.addr, n.base = base, base
	if n.key, err = p.key(at); err != nil {
		return nil, err
	}
	if strings.HasPrefix(base, "https:") {
		transport.TLSClientConfig, err = at.tlsConfig()
		return n, err
	}
	transport.DialContext = (&net.Dialer{Control: onlyHere}).DialContext
	if at.caFile != "" || at.certFile != "" || at.certKeyFile != "" {
		err = usageError("--ca-file, --cert-file and --cert-key-file are for https addresses")
	}
	return n, err
}

// nodeURL refuses other machines without TLS: a token, and the key too, would cross
// the network in the clear.
func nodeURL(addr string) (string, error) {
	u, err := url.Parse(addr)
	if err != nil || u.Scheme != "http" && u.Scheme != "tcp" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return "", usageError(addressForms + ", or https://host:port" + meantAddress(addr))
	}
	if u.Scheme == "https" {
		return "https://" + u.Host, nil
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return "", usageError("a node is asked over http on this machine only, at 127.0.0.1, [::1] or localhost; others by https")
	}
	return "http://" + u.Host, nil
}

// meantAddress asks whether an address without its scheme was meant.
func meantAddress(addr string) string {
	if strings.HasPrefix(addr, "/") {
		return "; did you mean unix://" + addr + "?"
	}
	if _, port, err := net.SplitHostPort(addr); err == nil && port != "" && !strings.Contains(port, "/") {
		return "; did you mean http://" + addr + "?"
	}
	return ""
}

// onlyHere refuses to connect to another machine, which localhost may be where the
// resolver says so: the key would cross the network in the clear.
func onlyHere(_, address string, _ syscall.RawConn) error {
	if to, err := netip.ParseAddrPort(address); err != nil || !to.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%s is not on this machine", address)
	}
	return nil
}

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
// *httpapi.Problem if the node says what is wrong.
func (n *node) ask(ctx context.Context, method, target string, send io.Reader) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, n.base+target, send)
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

func (n *node) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if errors.Is(err, fs.ErrPermission) && strings.HasPrefix(n.addr, "unix://") {
		return unavailable(fmt.Errorf("this user may not open %s (%w); listen[].mode and group of the node's configuration let other users in, --addr or %s name another place", n.addr, err, addrEnv))
	}
	return unavailable(fmt.Errorf("no node answers at %s (%w); is tokend serve running there? --addr or %s name another place", n.addr, err, addrEnv))
}

// refusal returns what the node says is wrong. To an unknown service it adds which
// ones there are.
func (n *node) refusal(ctx context.Context, resp *http.Response, body []byte) error {
	var p httpapi.Problem
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
