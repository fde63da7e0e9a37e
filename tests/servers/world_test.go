package servers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/config"
	"tokend/system"
)

// secret is that of every client that has one. It has what form encoding changes,
// and is long enough to sign with.
const (
	secret = "open+sesame/100% open=sesame&open:sesame-open-sesame-open-sesame"
	wrong  = "shut+sesame/100% open=sesame&open:sesame-open-sesame-open-sesame"

	probePassword = secret // of the user probe
)

// world is an authorization server, and the files of its clients.
type world struct {
	*httptest.Server

	secure bool
	dir    string
	keys   map[string]crypto.Signer
	certs  map[string]*x509.Certificate
	mu     sync.Mutex
	forms  []url.Values // of token requests, in order
}

// start runs a server; make is told the URL that it will have, and the directory
// for files.
func start(t *testing.T, secure bool, make func(base string, w *world) http.Handler) *world {
	t.Helper()
	w := &world{secure: secure, dir: t.TempDir(), keys: map[string]crypto.Signer{}, certs: map[string]*x509.Certificate{}}
	w.write(t, "secret", secret)
	w.write(t, "wrong", wrong)
	w.makeKeys(t)
	w.Server = httptest.NewUnstartedServer(nil)
	w.Config.ErrorLog = log.New(io.Discard, "", 0)
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	handler := make(scheme+w.Listener.Addr().String(), w)
	w.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		if r.Method == http.MethodPost {
			w.mu.Lock()
			w.forms = append(w.forms, r.PostForm)
			w.mu.Unlock()
		}
		handler.ServeHTTP(rw, r)
	})
	if secure {
		w.startTLS()
		w.write(t, "ca.pem", pemOf("CERTIFICATE", w.Certificate().Raw))
	} else {
		w.Start()
	}
	t.Cleanup(w.Close)
	return w
}

// requests returns what the server was asked.
func (w *world) requests() []url.Values {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]url.Values(nil), w.forms...)
}

func (w *world) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// makeKeys makes the keys of clients. Each is in NAME.key, and a certificate of it
// in NAME.pem: that of pki is signed by an authority, the others by themselves. No
// client has those that begin with bad.
func (w *world) makeKeys(t *testing.T) {
	t.Helper()
	for _, prefix := range []string{"", "bad-"} {
		w.key(t, prefix+"rsa", must(rsa.GenerateKey(rand.Reader, 2048)), "")
		w.key(t, prefix+"ec", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), "")
		_, ed, err := ed25519.GenerateKey(rand.Reader)
		w.key(t, prefix+"ed", must(ed, err), "")
	}
	w.key(t, "authority", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), "")
	w.key(t, "pki", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), "authority")
	w.key(t, "pki-bad", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), "authority")
}

// must returns what cannot fail with the arguments of these tests.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// key keeps a key and makes a certificate of it. It is an authority's if its name
// says so, and signed by itself without one.
func (w *world) key(t *testing.T, name string, key crypto.Signer, authority string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(w.certs) + 1)), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: name == "authority", BasicConstraintsValid: true,
	}
	parent, by := template, key
	if authority != "" {
		parent, by = w.certs[authority], w.keys[authority]
	}
	der := must(x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by))
	w.keys[name], w.certs[name] = key, must(x509.ParseCertificate(der))
	w.write(t, name+".key", pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))))
	w.write(t, name+".pem", pemOf("CERTIFICATE", der))
}

// trusts reports whether a certificate is signed by the authority.
func (w *world) trusts(cert *x509.Certificate) bool {
	roots := x509.NewCertPool()
	roots.AddCert(w.certs["authority"])
	_, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err == nil
}

// node runs tokend with one service, s, of the given keys. BASE in them is the
// server's URL.
func (w *world) node(t *testing.T, keys string, options ...system.Option) *system.System {
	t.Helper()
	if w.secure && !strings.Contains(keys, "tls: {") {
		keys += ", tls: {ca_file: ca.pem}"
	}
	text := "services: {s: {" + strings.ReplaceAll(keys, "BASE", w.URL) + "}}"
	cfg, err := config.Parse([]byte(text), config.WithDir(w.dir))
	if err != nil {
		t.Fatal(err)
	}
	silent := logrus.New()
	silent.SetOutput(io.Discard)
	sys, err := system.New(cfg, append(options, system.WithLogger(silent))...)
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Stop(t.Context()) })
	return sys
}

// check expects a token, or a failure whose text has want in it.
func check(t *testing.T, sys *system.System, want string) {
	t.Helper()
	token, err := sys.Token(t.Context(), "s")
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want == "" && token.Value() == "":
		t.Error("no token")
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// behind is a clock that is an hour slow.
func behind() time.Time { return time.Now().Add(-time.Hour) }

// again sends a request a second time, word by word, as somebody would who has
// seen it.
func (w *world) again(t *testing.T, path string) int {
	t.Helper()
	all := w.requests()
	resp, err := w.Client().PostForm(w.URL+path, all[len(all)-1])
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
