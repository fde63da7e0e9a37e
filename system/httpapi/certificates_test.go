package httpapi

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tokend/system/access"
)

// authority signs certificates for a node at loopback and for the client
// app.example.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = a.sign(a.cert, &key.PublicKey)
	return a
}

func (a *authority) sign(template *x509.Certificate, key *ecdsa.PublicKey) *x509.Certificate {
	a.t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, key, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// issue returns a certificate, good until end, for node and client alike.
func (a *authority) issue(end time.Time) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	cert := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: end,
		DNSNames: []string{"app.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, &key.PublicKey)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// put writes the files of a listener, those of them that are given.
func put(t *testing.T, files TLSFiles, pair *tls.Certificate, ca *authority) {
	t.Helper()
	write := func(file string, text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if pair != nil {
		der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		write(files.Cert, pemOf("CERTIFICATE", pair.Certificate[0]))
		write(files.Key, pemOf("PRIVATE KEY", der))
	}
	if ca != nil {
		write(files.ClientCA, pemOf("CERTIFICATE", ca.cert.Raw))
	}
}

func filesIn(dir string) TLSFiles {
	return TLSFiles{filepath.Join(dir, "cert"), filepath.Join(dir, "key"), filepath.Join(dir, "ca")}
}

func TestCertificatesAreReadAnew(t *testing.T) {
	ca := newAuthority(t)
	first, second := ca.issue(time.Now().Add(time.Hour)), ca.issue(time.Now().Add(time.Hour))
	files, reports := filesIn(t.TempDir()), []string{}
	put(t, files, &first, ca)
	c, err := readCertificates(files, func(text string) { reports = append(reports, text) })
	if err != nil {
		t.Fatal(err)
	}
	is := func(at time.Time, want tls.Certificate) {
		t.Helper()
		if !c.current(at).pair.Leaf.Equal(mustParse(t, want)) {
			t.Errorf("another certificate is in force")
		}
	}
	start := c.looked
	put(t, files, &second, nil)
	is(start.Add(lookAgain-time.Nanosecond), first)
	is(start.Add(lookAgain), second)
	if err := os.WriteFile(files.Key, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	is(start.Add(2*lookAgain), second)
	is(start.Add(3*lookAgain), second)
	if len(reports) != 1 || !strings.Contains(reports[0], "do not make a pair") {
		t.Errorf("reports %q", reports)
	}
	if err := os.Remove(files.Cert); err != nil {
		t.Fatal(err)
	}
	is(start.Add(4*lookAgain), second)
	put(t, files, &first, nil)
	is(start.Add(5*lookAgain), first)
	is(start.Add(-time.Hour), first) // a clock that was set back
	if err := os.WriteFile(files.ClientCA, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := c.current(start.Add(-time.Hour)).clientCAs
	if c.current(start.Add(6*lookAgain)).clientCAs != before || len(reports) != 3 {
		t.Errorf("reports %q", reports)
	}
}

func mustParse(t *testing.T, pair tls.Certificate) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestADoorSaysWhatIsWrongWithItsFiles(t *testing.T) {
	ca := newAuthority(t)
	pair := ca.issue(time.Now().Add(time.Hour))
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, make([]byte, maxPEM+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(f *TLSFiles)
		want   string
	}{
		"no such file":      {func(f *TLSFiles) { f.Cert += "x" }, "no such file"},
		"a directory":       {func(f *TLSFiles) { f.Key = filepath.Dir(f.Key) }, "is not a regular file"},
		"another key":       {func(f *TLSFiles) { f.Key = f.Cert }, "do not make a pair"},
		"no CAs":            {func(f *TLSFiles) { f.ClientCA = f.Key }, "holds no certificate"},
		"a file that large": {func(f *TLSFiles) { f.ClientCA = large }, "larger than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			files := filesIn(t.TempDir())
			put(t, files, &pair, ca)
			tt.change(&files)
			_, err := NewDoor(listenAt(t, aPort), Endpoint{Address: aPort.Address, TLS: &files}, DoorOptions{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// secureLine connects with the certificate.
func secureLine(t *testing.T, l net.Listener, ca *authority, pair tls.Certificate) *line {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	dialer := tls.Dialer{Config: &tls.Config{
		RootCAs: roots, ServerName: "127.0.0.1", NextProtos: []string{"h2", "http/1.1"},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil },
	}}
	c, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
	out := connect(t, c, err)
	if s := c.(*tls.Conn).ConnectionState(); s.NegotiatedProtocol != "http/1.1" || s.Version < tls.VersionTLS12 {
		t.Errorf("talks %q, version %x", s.NegotiatedProtocol, s.Version)
	}
	return out
}

// TestACertificateCountsWhileItIsGood keeps one connection open while the
// certificate that it showed ends, and while the CAs that it leads to change.
func TestACertificateCountsWhileItIsGood(t *testing.T) {
	ca := newAuthority(t)
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	pair, server := ca.issue(end), ca.issue(end.Add(24*time.Hour))
	shared := policyOf(t, 0, access.Client{Name: "app", SAN: "dns:app.example", Grants: granting("get", "billing")})
	for name, tt := range map[string]struct {
		change func(files TLSFiles, now *clock)
		want   int
	}{
		"all of its time":           {func(_ TLSFiles, now *clock) { now.set(end.Add(-time.Nanosecond)) }, http.StatusOK},
		"its end":                   {func(_ TLSFiles, now *clock) { now.set(end.Add(time.Nanosecond)) }, http.StatusForbidden},
		"another CA instead of its": {func(f TLSFiles, now *clock) { put(t, f, nil, newAuthority(t)); now.set(now.read().Add(lookAgain)) }, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			files, now := filesIn(t.TempDir()), &clock{now: time.Now()}
			put(t, files, &server, ca)
			d, l := serveDoor(t, newFake(), Endpoint{Address: aPort.Address, TLS: &files}, Options{Access: shared, Now: now.read}, DoorOptions{})
			if !strings.HasPrefix(d.Address(), "https://127.0.0.1:") {
				t.Errorf("the door is at %s", d.Address())
			}
			c := secureLine(t, l, ca, pair)
			for range 2 {
				if status, body := c.get("/v1/token/billing"); status != http.StatusOK {
					t.Fatalf("status %d: %s", status, body)
				}
			}
			tt.change(files, now)
			if status, _ := c.get("/v1/token/billing"); status != tt.want {
				t.Errorf("then: status %d, want %d", status, tt.want)
			}
		})
	}
}

// TestARefusedCertificateIsLookedAtAgain keeps one connection open while the CA of its
// certificate is missing, and comes back.
func TestARefusedCertificateIsLookedAtAgain(t *testing.T) {
	ca := newAuthority(t)
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	pair, server := ca.issue(end), ca.issue(end.Add(24*time.Hour))
	shared := policyOf(t, 0, access.Client{Name: "app", SAN: "dns:app.example", Grants: granting("get", "billing")})
	for name, change := range map[string]struct{ away, back func(d *Door, f TLSFiles) }{
		"the CA is replaced, and put back": {
			func(_ *Door, f TLSFiles) { put(t, f, nil, newAuthority(t)) },
			func(_ *Door, f TLSFiles) { put(t, f, nil, ca) },
		},
		"another listener's files, and these again": {
			func(d *Door, _ TLSFiles) { use(t, d, withCA(t, server, newAuthority(t))) },
			func(d *Door, f TLSFiles) { use(t, d, f) },
		},
		"no CA at all, and this again": {
			func(d *Door, f TLSFiles) { use(t, d, TLSFiles{Cert: f.Cert, Key: f.Key}) },
			func(d *Door, f TLSFiles) { use(t, d, f) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			files, now := filesIn(t.TempDir()), &clock{now: time.Now()}
			put(t, files, &server, ca)
			d, l := serveDoor(t, newFake(), Endpoint{Address: aPort.Address, TLS: &files}, Options{Access: shared, Now: now.read}, DoorOptions{})
			c := secureLine(t, l, ca, pair)
			for i, step := range []struct {
				change func(d *Door, f TLSFiles)
				want   int
			}{{nil, http.StatusOK}, {change.away, http.StatusForbidden}, {nil, http.StatusForbidden}, {change.back, http.StatusOK}, {nil, http.StatusOK}} {
				if step.change != nil {
					step.change(d, files)
					now.set(now.read().Add(lookAgain))
				}
				if status, _ := c.get("/v1/token/billing"); status != step.want {
					t.Errorf("step %d: status %d, want %d", i, status, step.want)
				}
			}
		})
	}
}

// withCA returns files that take certificates of clients by that CA alone.
func withCA(t *testing.T, server tls.Certificate, ca *authority) TLSFiles {
	t.Helper()
	files := filesIn(t.TempDir())
	put(t, files, &server, ca)
	return files
}

// use makes a door go on with these files.
func use(t *testing.T, d *Door, files TLSFiles) {
	t.Helper()
	read, err := ReadCertificates(files, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	d.UseCertificates(read)
}
