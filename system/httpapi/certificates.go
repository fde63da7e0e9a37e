package httpapi

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// TLSFiles are the files, in PEM form, that a TCP listener serves TLS with.
type TLSFiles struct {
	Cert     string // certificate and its intermediates
	Key      string // private key of the certificate
	ClientCA string // CAs that certificates of clients lead to; empty: none are asked for
}

const (
	// lookAgain is how often the files are looked at, at most.
	lookAgain = time.Second
	maxPEM    = 1 << 20
)

// certificates are what the files of a listener hold. They are read anew when
// somebody comes, at most once a second. Files that are just being replaced, and do
// not fit together, leave in force what was read before.
type certificates struct {
	files  TLSFiles
	report func(text string)
	now    atomic.Pointer[pairAndCAs]
	mu     sync.Mutex // guards what follows
	looked time.Time
	read   [3][]byte // what the files held when they were read last
	failed string    // what was reported last
}

// pairAndCAs is what the files held at one time.
type pairAndCAs struct {
	pair      tls.Certificate
	clientCAs *x509.CertPool // nil: no certificates of clients are asked for
}

// readCertificates reads the files for the first time.
func readCertificates(files TLSFiles, report func(string)) (*certificates, error) {
	c := &certificates{files: files, report: report, looked: time.Now()}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// current returns what the files hold, or held a second before. Only one caller
// looks; the others go on with what is there.
func (c *certificates) current(now time.Time) *pairAndCAs {
	if c.mu.TryLock() {
		defer c.mu.Unlock()
		if since := now.Sub(c.looked); since >= lookAgain || since < 0 {
			c.looked = now
			c.tell(c.load())
		}
	}
	return c.now.Load()
}

// tell reports a failure once, for the files are looked at again and again.
func (c *certificates) tell(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != c.failed {
		c.report("the certificates of a listener are not replaced: " + text)
	}
	c.failed = text
}

// load reads the files and puts in force what they hold if they have changed.
func (c *certificates) load() error {
	var read [3][]byte
	for i, file := range []string{c.files.Cert, c.files.Key, c.files.ClientCA} {
		if file == "" {
			continue
		}
		text, err := readPEM(file)
		if err != nil {
			return err
		}
		read[i] = text
	}
	if c.now.Load() != nil && bytes.Equal(read[0], c.read[0]) && bytes.Equal(read[1], c.read[1]) && bytes.Equal(read[2], c.read[2]) {
		return nil
	}
	pair, err := tls.X509KeyPair(read[0], read[1])
	if err != nil {
		return fmt.Errorf("%s and %s do not make a pair in PEM form", c.files.Cert, c.files.Key)
	}
	next := &pairAndCAs{pair: pair}
	if c.files.ClientCA != "" {
		next.clientCAs = x509.NewCertPool()
		if !next.clientCAs.AppendCertsFromPEM(read[2]) {
			return fmt.Errorf("%s holds no certificate in PEM form", c.files.ClientCA)
		}
	}
	c.read = read
	c.now.Store(next)
	return nil
}

func readPEM(file string) ([]byte, error) {
	// Opening a pipe without a writer must not wait for one.
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", file)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err == nil && len(text) > maxPEM {
		err = fmt.Errorf("%s is larger than 1 MiB", file)
	}
	return text, err
}

var errNoClientCA = errors.New("no certificates of clients are taken")

// verify returns until when the certificate, the first of those that were shown,
// is good: when the first certificate of the chain that lasts longest ends.
func (p *pairAndCAs) verify(shown []*x509.Certificate, now time.Time) (until time.Time, err error) {
	if p.clientCAs == nil {
		return until, errNoClientCA
	}
	between := x509.NewCertPool()
	for _, cert := range shown[1:] {
		between.AddCert(cert)
	}
	chains, err := shown[0].Verify(x509.VerifyOptions{
		Roots: p.clientCAs, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	for _, chain := range chains {
		if end := endOf(chain); end.After(until) {
			until = end
		}
	}
	return until, err
}

// endOf returns when the first certificate of a chain ends.
func endOf(chain []*x509.Certificate) time.Time {
	end := chain[0].NotAfter
	for _, cert := range chain[1:] {
		if cert.NotAfter.Before(end) {
			end = cert.NotAfter
		}
	}
	return end
}
