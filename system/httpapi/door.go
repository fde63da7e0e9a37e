package httpapi

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"tokend/system/access"
)

// Door is a listener and what there is to know of whoever comes through it.
type Door struct {
	listener net.Listener // as it was opened
	name     string
	unix     bool
	own      []string                     // hosts that a Host header may hold anyway
	allowed  atomic.Pointer[hostSet]      // what it may hold; nil on a Unix socket
	cert     atomic.Pointer[certificates] // nil: without TLS
	open     *connections
	audit    access.Auditor
}

// DoorOptions are what a door may be told. The zero DoorOptions are useful.
type DoorOptions struct {
	Hosts       []string          // names that a Host header may hold besides loopback and the listen address
	Connections int               // that may be open at a time; 0: 4096
	Audit       access.Auditor    // told of certificates that are refused; nil: nobody is
	Report      func(text string) // told of certificates that cannot be read; nil: nobody is
}

// DefaultConnections is how many a door keeps open if it is not told.
const DefaultConnections = 4096

// NewDoor returns the door at l, which [Listen] has opened for e.
func NewDoor(l net.Listener, e Endpoint, opts DoorOptions) (*Door, error) {
	if opts.Report == nil {
		opts.Report = func(string) {}
	}
	if opts.Connections <= 0 {
		opts.Connections = DefaultConnections
	}
	d := &Door{listener: l, name: e.CalledBy(), unix: l.Addr().Network() == "unix", open: newConnections(opts.Connections), audit: opts.Audit}
	// A name that the configuration listens on is an address of the listener too.
	d.own = []string{l.Addr().String(), strings.TrimPrefix(e.Address, tcpScheme)}
	d.AllowHosts(opts.Hosts)
	if e.TLS != nil {
		cert, err := readCertificates(*e.TLS, opts.Report)
		if err != nil {
			return nil, err
		}
		d.cert.Store(cert)
	}
	return d, nil
}

// AllowHosts makes these, besides loopback and the listen address, the hosts that a
// Host header may hold, for connections that are open already too.
func (d *Door) AllowHosts(hosts []string) {
	if d.unix {
		return
	}
	allowed := hostSet(hostsOf(append(slices.Clone(d.own), hosts...)))
	d.allowed.Store(&allowed)
}

// LimitConnections makes n, 4096 if it is 0, the most connections that may be open.
// Of those that are too many then, the ones that wait for a request are closed.
func (d *Door) LimitConnections(n int) { d.open.setLimit(cmp.Or(max(n, 0), DefaultConnections)) }

// Certificates are what the files of a listener hold, see [ReadCertificates].
type Certificates struct{ read *certificates }

// ReadCertificates reads what a door is to serve TLS with. It fails where [NewDoor]
// would.
func ReadCertificates(files TLSFiles, report func(text string)) (Certificates, error) {
	read, err := readCertificates(files, report)
	return Certificates{read}, err
}

// UseCertificates makes a door that serves TLS go on with others. Connections that
// are open go on; what their clients have proved is looked at again.
func (d *Door) UseCertificates(c Certificates) {
	if d.cert.Load() != nil && c.read != nil {
		d.cert.Store(c.read)
	}
}

// Address is where the door is, as clients take it.
func (d *Door) Address() string {
	a := d.listener.Addr()
	switch {
	case d.unix:
		return unixScheme + a.String()
	case d.cert.Load() != nil:
		return "https://" + a.String()
	default:
		return "http://" + a.String()
	}
}

// Server returns a server for handler that knows the callers who come through the
// door; it is to serve what [Door.Listener] returns. HTTP/2 stays off: with one
// request at a time on a connection, its bounds hold for each caller.
func (d *Door) Server(handler http.Handler, errorLog *log.Logger) *http.Server {
	s := NewServer(d.open.watched(handler), errorLog)
	s.ConnContext = d.connContext
	s.ConnState = d.open.state
	s.RegisterOnShutdown(d.open.end)
	s.Protocols = new(http.Protocols)
	s.Protocols.SetHTTP1(true)
	return s
}

// Listener returns what to serve: the listener, with TLS if the door has that. It lets in
// as many connections as there may be.
func (d *Door) Listener() net.Listener {
	guarded := &gate{d.listener, d}
	if d.cert.Load() == nil {
		return guarded
	}
	return tls.NewListener(guarded, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: d.handshake,
	})
}

// handshake returns how to talk to one client. A certificate that is given must be
// good; one that is not is a decision like any other. No session is resumed, so
// that every connection shows its certificate.
func (d *Door) handshake(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	now := d.cert.Load().current(time.Now())
	config := &tls.Config{
		MinVersion:             tls.VersionTLS12,
		Certificates:           []tls.Certificate{now.pair},
		NextProtos:             []string{"http/1.1"},
		SessionTicketsDisabled: true,
	}
	if now.clientCAs == nil {
		return config, nil
	}
	config.ClientAuth, config.ClientCAs = tls.RequestClientCert, now.clientCAs
	config.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return nil
		}
		_, err := now.verify(s.PeerCertificates, time.Now())
		if err != nil && d.audit != nil {
			d.audit.Audit(access.Record{
				Time: time.Now().Round(0), Identity: access.KindSAN, From: hello.Conn.RemoteAddr().String(),
				Listener: d.name, Decision: access.Refused, Code: CodeUnauthenticated,
			})
		}
		return err
	}
	return config, nil
}

type connKey struct{}

// conn is one connection through a door.
type conn struct {
	net  net.Conn
	door *Door
	peer *access.Peer
	seen atomic.Pointer[sight]
	host string   // the last Host that was allowed: most clients send one and the same
	by   *hostSet // what allowed it
	place
}

// sight is what a policy has made of a connection.
type sight struct {
	party *access.Party
	shown bool           // it has shown a certificate
	cas   *x509.CertPool // by which that was judged; nil: none were taken
	until time.Time      // when it is to be looked at again
}

func (d *Door) connContext(ctx context.Context, c net.Conn) context.Context {
	known := behind(c)
	if known == nil { // it did not come from Listener
		known = d.guest(c).conn
	}
	return context.WithValue(ctx, connKey{}, known)
}

// denial says why r is not served, or nothing. Requests of a connection come one
// after the other.
func (c *conn) denial(r *http.Request) (reason Reason, why string) {
	hosts := c.door.allowed.Load()
	allowed := r.Host == c.host && r.Host != "" && c.by == hosts || hostAllowed(parseHost(r.Host), *hosts)
	if allowed {
		c.host, c.by = r.Host, hosts
	}
	return denial(r, allowed)
}

// connOf returns the connection of r, nil if it came through no door.
func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}

// party returns what p knows of the connection. It is found out once, and again
// when there is another policy, other CAs, or the certificate is no longer good.
func (c *conn) party(p *access.Policy, state *tls.ConnectionState, now func() time.Time) *access.Party {
	if c.counts(p, now) {
		return c.seen.Load().party
	}
	s := c.look(p, state, now())
	c.seen.Store(s)
	return s.party
}

// counts reports whether what was found out about the connection is from p, and what
// proved it is still good.
func (c *conn) counts(p *access.Policy, now func() time.Time) bool {
	s := c.seen.Load()
	return s != nil && p.Of(s.party) && c.holds(s, now)
}

// holds reads the clock only where a certificate was shown. One that was refused may be
// good by now: its CA was missing, or its time had not come.
func (c *conn) holds(s *sight, now func() time.Time) bool {
	if !s.shown {
		return true
	}
	at := now()
	return c.door.cert.Load().current(at).clientCAs == s.cas && at.Before(s.until)
}

// stands reports whether what the connection is known by still is good.
func (c *conn) stands(now func() time.Time) bool {
	s := c.seen.Load()
	return s == nil || c.holds(s, now)
}

func (c *conn) look(p *access.Policy, state *tls.ConnectionState, now time.Time) *sight {
	id := access.Identity{Listener: c.door.name, Peer: c.peer}
	s := &sight{}
	if cert := c.door.cert.Load(); cert != nil && state != nil && len(state.PeerCertificates) > 0 {
		current := cert.current(now)
		s.shown, s.cas, s.until = true, current.clientCAs, now.Add(lookAgain)
		if until, err := current.verify(state.PeerCertificates, now); err == nil {
			id.Names, s.until = access.Names(state.PeerCertificates[0]), until
		}
	}
	s.party = p.Match(id)
	return s
}

// from tells where the connection came from.
func (c *conn) from() string {
	if c.peer != nil {
		return c.peer.String()
	}
	return strings.TrimPrefix(c.net.RemoteAddr().String(), "@")
}
