package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tokend/config"
	"tokend/system/access"
)

// certificates writes ca.pem, and certificates with keys for a node at loopback and
// for the client app.example.
func certificates(ts *testscript.TestScript, _ bool, _ []string) {
	ca, caKey := sign(ts, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	save(ts, "ca.pem", "CERTIFICATE", ca.Raw)
	for name, template := range map[string]*x509.Certificate{
		"server": {IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
		"client": {DNSNames: []string{"app.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
	} {
		cert, key := sign(ts, template, ca, caKey)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		ts.Check(err)
		save(ts, name+".pem", "CERTIFICATE", cert.Raw)
		save(ts, name+".key", "PRIVATE KEY", der)
	}
}

// sign signs template with a new key; without a parent by itself.
func sign(ts *testscript.TestScript, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent, parentKey = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	ts.Check(err)
	cert, err := x509.ParseCertificate(raw)
	ts.Check(err)
	return cert, key
}

func save(ts *testscript.TestScript, name, kind string, der []byte) {
	ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// together writes several files into one.
func together(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: together FILE PART…")
	}
	var text strings.Builder
	for _, part := range args[1:] {
		text.WriteString(ts.ReadFile(part))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text.String()), 0o600))
}

func TestWarningsTellWhatIsSaidInVain(t *testing.T) {
	const hash = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	get := []config.Grant{{Services: []string{"a"}, Verbs: []string{"get"}}}
	private, shared := config.Listener{Address: "unix:///a"}, config.Listener{Address: "unix:///b", Mode: 0o660}
	port := config.Listener{Address: "tcp://127.0.0.1:1"}
	secure := config.Listener{Address: "tcp://127.0.0.1:2", TLS: &config.ListenerTLS{ClientCAFile: "ca"}}
	stranger := uint32(os.Geteuid()) + 1
	tests := map[string]struct {
		listen []config.Listener
		client *config.Client
		want   string // empty: there is no warning
	}{
		"a private socket":                      {[]config.Listener{private}, nil, ""},
		"a shared socket for nobody":            {[]config.Listener{private, shared}, nil, "others may open unix:///b"},
		"a shared socket for a user":            {[]config.Listener{shared}, &config.Client{UID: &stranger}, ""},
		"a private socket for another user":     {[]config.Listener{private}, &config.Client{UID: &stranger}, "cannot open unix:///a"},
		"a private socket for a group":          {[]config.Listener{private}, &config.Client{GID: &stranger}, "cannot open unix:///a"},
		"a private socket for root":             {[]config.Listener{private}, &config.Client{UID: new(uint32(0))}, ""},
		"a private socket for the node's user":  {[]config.Listener{private}, &config.Client{UID: new(uint32(max(0, os.Geteuid())))}, ""},
		"a certificate that nobody asks for":    {[]config.Listener{port}, &config.Client{SAN: "dns:a"}, "cannot show its certificate"},
		"a certificate":                         {[]config.Listener{secure}, &config.Client{SAN: "dns:a"}, ""},
		"a key without a port":                  {[]config.Listener{private}, &config.Client{KeyHash: hash}, "cannot use its key"},
		"a key":                                 {[]config.Listener{private, port}, &config.Client{KeyHash: hash}, ""},
		"a socket that others may only look at": {[]config.Listener{{Address: "unix:///c", Mode: 0o644}}, nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := &config.Config{Listen: tt.listen}
			if tt.client != nil {
				tt.client.Name, tt.client.Grants = "c", get
				cfg.Clients = []config.Client{*tt.client}
			}
			got := strings.Join(warnings(cfg), "\n")
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// What check accepts, access control can work with: both judge alike.
func TestCheckAndServeAgreeOnClients(t *testing.T) {
	hash := "sha256:" + strings.Repeat("0a", 32)
	clients := map[string]config.Client{
		"a user": {UID: new(uint32(1))}, "a key": {KeyHash: hash}, "a wrong key": {KeyHash: hash + "0"}, "a key in capitals": {KeyHash: strings.ToUpper(hash)},
		"nobody": {}, "two": {UID: new(uint32(1)), KeyHash: hash}, "a listener": {Listener: "l"},
	}
	for _, san := range []string{
		"dns:a", "dns:A.b", "dns:*.a", "dns:a:1", "dns:a/b", "dns:", "uri:a:b", "uri:a", "uri:", "spiffe://a/b", "spiffe:", "subject:CN=a", "subject:CN", "subject:", "a", ":", "", "email:a@b", "uri:a:\x01",
	} {
		clients["san "+san] = config.Client{SAN: san}
	}
	for name, c := range clients {
		t.Run(name, func(t *testing.T) { agree(t, c, config.Grant{Services: []string{"a"}, Verbs: []string{"get"}}) })
	}
	for _, glob := range []string{"a", "*", "?", "a*", "*a", "-a", ".a", "A", "a/b", "a b", "", "[a]", "**", "*-", "?-", strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("*", 126), strings.Repeat("*", 127)} {
		t.Run("glob "+glob, func(t *testing.T) {
			agree(t, config.Client{UID: new(uint32(1))}, config.Grant{Services: []string{glob}, Verbs: []string{"get"}})
		})
	}
	for _, verb := range append(config.Verbs(), "", "Get", "all") {
		t.Run("verb "+verb, func(t *testing.T) {
			agree(t, config.Client{UID: new(uint32(1))}, config.Grant{Services: []string{"a"}, Verbs: []string{verb}})
			agree(t, config.Client{UID: new(uint32(1))}, config.Grant{Verbs: []string{verb}})
		})
	}
}

func agree(t *testing.T, c config.Client, g config.Grant) {
	t.Helper()
	c.Name, c.Grants = "c", []config.Grant{g}
	cfg := &config.Config{Listen: []config.Listener{{Address: "unix:///a", Name: "l"}}, Clients: []config.Client{c}}
	check := cfg.Validate()
	_, serve := access.New(clientsOf(cfg), access.Options{})
	if (check == nil) != (serve == nil) {
		t.Errorf("check says %v, serve says %v", check, serve)
	}
}
