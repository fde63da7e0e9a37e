package pauses

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// step is a moment in the refresh of a login.
type step int

const (
	never    step = iota
	accepted      // the server has accepted a connection, and has not read from it
	hello         // it has read the beginning of a TLS handshake
	read          // it has read the request, and has done nothing about it
	rotated       // it has spent the refresh token, and said nothing
	halfSaid      // it has said a part of the answer
	said          // it has said all of it
	steps
)

func (s step) String() string {
	return [...]string{
		"never", "while connecting", "during the TLS handshake", "before the answer", "after the answer was made",
		"in the middle of the answer", "after the answer",
	}[s]
}

// idp is a token endpoint that gives a new refresh token with every answer, and
// ends a login when a spent one comes again. Clients that show none get a token.
type idp struct {
	*testing.T
	address string
	ca      string // PEM
	life    time.Duration

	mu      sync.Mutex
	retired bool // it has nothing to give any more
	logins  map[string]*login
	conns   map[string]bool // connections that brought a request, by where they come from
	open    map[net.Conn]bool
	at      step // when to call then
	then    func()
}

// login is what came of one login.
type login struct {
	tokens    []string // the last one is good, the others are spent
	presented map[string]int
	ended     bool
}

// newIDP starts an endpoint at address, whose tokens live for life.
func newIDP(t *testing.T, address string, life time.Duration, protocols ...string) *idp {
	t.Helper()
	p := &idp{T: t, life: life, logins: map[string]*login{}, conns: map[string]bool{}, open: map[net.Conn]bool{}}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	p.address = listener.Addr().String()
	pair := p.certify()
	server := &http.Server{
		Handler: p, ErrorLog: log.New(io.Discard, "", 0), IdleTimeout: patience,
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{pair}, NextProtos: protocols, MinVersion: tls.VersionTLS12,
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { p.reach(hello); return nil, nil },
		},
		Protocols: new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(slices.Contains(protocols, "h2"))
	go func() { _ = server.ServeTLS(&accepting{listener, p}, "", "") }()
	t.Cleanup(func() { _ = server.Close() })
	return p
}

// accepting tells of connections.
type accepting struct {
	net.Listener
	idp *idp
}

func (a *accepting) Accept() (net.Conn, error) {
	conn, err := a.Listener.Accept()
	if err == nil {
		a.idp.mu.Lock()
		a.idp.open[conn] = true
		a.idp.mu.Unlock()
		a.idp.reach(accepted)
	}
	return conn, err
}

// hangUp closes all connections.
func (p *idp) hangUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		_ = conn.Close()
	}
	clear(p.open)
	return true
}

// certify makes the endpoint's certificate, which is its own authority.
func (p *idp) certify() tls.Certificate {
	p.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.Fatal(err)
	}
	host, _, _ := net.SplitHostPort(p.address)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"},
		IPAddresses: []net.IP{net.ParseIP(host)}, DNSNames: []string{"idp.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		p.Fatal(err)
	}
	p.ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// logIn begins a login and returns its refresh token.
func (p *idp) logIn(service string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &login{presented: map[string]int{}}
	p.logins[service] = l
	return l.next(service)
}

func (l *login) next(service string) string {
	l.tokens = append(l.tokens, fmt.Sprintf("%s-r%d", service, len(l.tokens)))
	return l.tokens[len(l.tokens)-1]
}

// once has then called when the step comes next.
func (p *idp) once(at step, then func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.then = at, then
}

func (p *idp) reach(at step) {
	p.mu.Lock()
	mine := p.at == at && p.then != nil
	then := p.then
	if mine {
		p.then = nil
	}
	p.mu.Unlock()
	if mine {
		then()
	}
}

// reached reports whether the step has come.
func (p *idp) reached() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.then == nil
}

// retire has the endpoint answer that there is nothing.
func (p *idp) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
}

// use spends a refresh token and returns the next, empty if it is refused.
func (p *idp) use(service, token string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.logins[service]
	if l == nil {
		return ""
	}
	l.presented[token]++
	if l.ended || token != l.tokens[len(l.tokens)-1] {
		l.ended = true
		return ""
	}
	return l.next(service)
}

// grants returns how often a login has rotated.
func (p *idp) grants(service string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.logins[service].tokens) - 1
}

// connections returns how many connections have brought requests.
func (p *idp) connections() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.conns))
}

// ports returns those of the other ends of these connections.
func (p *idp) ports() (ports []string) {
	for _, from := range p.connections() {
		_, port, _ := net.SplitHostPort(from)
		ports = append(ports, port)
	}
	return ports
}

// ServeHTTP answers a token request.
func (p *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service, token := r.FormValue("client_id"), r.FormValue("refresh_token")
	p.mu.Lock()
	p.conns[r.RemoteAddr] = true
	retired := p.retired
	p.mu.Unlock()
	if retired {
		http.NotFound(w, r)
		return
	}
	p.reach(read)
	text := fmt.Sprintf(`{"access_token":"%s-%d","expires_in":%d`, service, time.Now().UnixNano(), int(p.life.Seconds()))
	if token != "" {
		next := p.use(service, token)
		if next == "" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
		text += fmt.Sprintf(`,"refresh_token":"%s"`, next)
	}
	p.reach(rotated)
	p.say(w, text+"}")
}

func (p *idp) say(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	half := len(text) / 2
	_, _ = io.WriteString(w, text[:half])
	flush := func() { _ = http.NewResponseController(w).Flush() }
	flush()
	p.reach(halfSaid)
	_, _ = strings.NewReader(text[half:]).WriteTo(w)
	flush()
	p.reach(said)
}
