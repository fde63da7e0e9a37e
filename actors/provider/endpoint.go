package provider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// defaultConnectTimeout bounds connecting where an Endpoint does not say.
const defaultConnectTimeout = 3 * time.Second

// Endpoint says how a token endpoint is reached.
type Endpoint struct {
	Transports     *Transports   // required
	TLS            TLS           //
	ConnectTimeout time.Duration // of resolving, dialling and the TLS handshake together; 0: 3 s
	AllowHTTP      bool          // permits http:// to hosts other than this one
}

// withDefaults returns e with its zero values filled in.
func (e Endpoint) withDefaults() (Endpoint, error) {
	if e.Transports == nil {
		return e, errors.New("transports are missing")
	}
	if e.ConnectTimeout <= 0 {
		e.ConnectTimeout = defaultConnectTimeout
	}
	return e, nil
}

// send sends one request, once.
func (e Endpoint) send(ctx context.Context, req *http.Request) (*answer, error) {
	client, err := e.Transports.Client(e.TLS)
	if err != nil {
		return nil, err
	}
	x := newExchange(ctx, hostPort(req.URL), e.ConnectTimeout)
	defer x.close()
	t := traceOf(ctx)
	t.sent(req.URL)
	a, err := x.send(client, req)
	if a != nil {
		t.Status = a.status
	}
	t.batch = x.batch
	return a, err
}

// insist sends a request that may be sent twice: once more over another connection if
// the first went silent.
func (e Endpoint) insist(ctx context.Context, req *http.Request) (*answer, error) {
	a, err := e.send(ctx, req)
	if !mayRepeat(ctx, err) || req.Body != nil && req.GetBody == nil {
		return a, err
	}
	again := req.Clone(ctx)
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, unreadyf("the request's body cannot be read again")
		}
	}
	return e.send(ctx, again)
}

// mayRepeat reports whether a request ended because its connection had been forgotten
// by the other end, does no harm if it is sent once more, and has time for that.
func mayRepeat(ctx context.Context, err error) bool {
	l, ok := errors.AsType[*lost](err)
	return ok && l.err == errSilent && !isPatient(ctx) && ctx.Err() == nil
}

// parse returns the URL that setting names. Its errors quote nothing of it but
// its scheme.
func (e Endpoint) parse(setting, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	problem := ""
	switch {
	case err != nil:
		problem = "not a URL"
	case u.Scheme != "https" && u.Scheme != "http":
		problem = "not an https:// URL"
	case u.Hostname() == "":
		problem = "no host in it"
	case u.Fragment != "": // RFC 6749, section 3.2
		problem = "has a fragment"
	case u.Scheme == "http" && !e.AllowHTTP && !loopback(u.Hostname()):
		problem = "http:// would send secrets in the clear: use https://, or set allow_http"
	}
	if problem != "" {
		return nil, &KeyError{setting, problem}
	}
	return u, nil
}

// loopback reports whether host can be nothing but this machine. An address with
// a zone is not taken for it.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Zone() == "" && ip.Unmap().IsLoopback()
}

// hostPort returns the host and port of u in lower case, with the port that the
// scheme implies if it names none.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
		if strings.EqualFold(u.Scheme, "http") {
			port = "80"
		}
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// refuse returns what an answer without a token says. setting names the key that
// holds the URL; what is said is not redacted yet.
func (a *answer) refuse(setting string, s *saying, hidden *secrets) *refusal {
	if a.status >= 400 {
		s.challenge(a.header.Get("WWW-Authenticate"))
	}
	r := &refusal{
		status:      a.status,
		says:        s.means,
		code:        hidden.showCode(s.code),
		description: hidden.show(s.reason, maxDescription),
		page:        a.isPage(),
		challenged:  a.header.Get("WWW-Authenticate") != "",
		hint:        a.hint(setting, hidden),
	}
	if a.status >= 400 {
		r.retryAfter, r.told = retryAfterOf(a.header, a.received)
	}
	return r
}

func redirect(status int) bool { return status >= 300 && status <= 399 }

// hint says what a status commonly means that comes without an explanation.
func (a *answer) hint(setting string, hidden *secrets) string {
	target := a.header.Get("Location")
	switch {
	case redirect(a.status) && target != "":
		return fmt.Sprintf("redirect to %s refused: set %s to the final address", a.location(target, hidden), setting)
	case a.status == http.StatusNotFound, a.status == http.StatusMethodNotAllowed:
		return fmt.Sprintf("is %s right?", setting)
	case refuses(a.status) && a.isPage():
		return "a page came, not an answer of the API"
	default:
		return ""
	}
}

// location returns where a redirect leads, as scheme://host/path.
func (a *answer) location(target string, hidden *secrets) string {
	u, err := a.url.Parse(target)
	if err != nil {
		return "an address that is no URL"
	}
	clean, why := hidden.clean((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
	if why != "" {
		return "an address that is " + why
	}
	return printable(clean, maxDescription)
}
