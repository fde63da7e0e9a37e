package provider

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"time"
)

// stamp tells one state of a file from another.
type stamp struct {
	size     int64
	modified time.Time
	inode    os.FileInfo // nil: there is no such file
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime(), info}
}

func (s stamp) same(o stamp) bool {
	return s.inode != nil && o.inode != nil && s.size == o.size && s.modified.Equal(o.modified) && os.SameFile(s.inode, o.inode)
}

// stamps tell what the files of a TLS setting were.
type stamps [3]stamp

func (s TLS) stamps() (all stamps) {
	for i, path := range s.files() {
		if path != "" {
			all[i] = stampOf(path)
		}
	}
	return all
}

func (s TLS) files() [3]string { return [3]string{s.CAFile, s.CertFile, s.KeyFile} }

// unchanged reports whether all files of the setting are there and as they were.
func (s TLS) unchanged(before stamps) bool {
	for i, path := range s.files() {
		if path != "" && !stampOf(path).same(before[i]) {
			return false
		}
	}
	return true
}

// identity is what the files of a TLS setting hold.
type identity struct {
	roots *x509.CertPool   // nil: the system's
	pair  *tls.Certificate // nil: no client certificate
}

func (i identity) same(o identity) bool {
	if (i.roots == nil) != (o.roots == nil) || (i.pair == nil) != (o.pair == nil) {
		return false
	}
	return (i.roots == nil || i.roots.Equal(o.roots)) && (i.pair == nil || sameChain(i.pair, o.pair))
}

func sameChain(a, b *tls.Certificate) bool {
	if len(a.Certificate) != len(b.Certificate) {
		return false
	}
	for i := range a.Certificate {
		if string(a.Certificate[i]) != string(b.Certificate[i]) {
			return false
		}
	}
	return true
}

// identity reads the files. Its errors are *unready.
func (s TLS) identity() (identity, error) {
	var i identity
	if s.CAFile != "" {
		pem, err := readFile(s.CAFile, maxPEM)
		if err != nil {
			return i, unreadyf("tls.ca_file: %s: %s", s.CAFile, err)
		}
		i.roots = x509.NewCertPool()
		if !i.roots.AppendCertsFromPEM(pem) {
			return i, unreadyf("tls.ca_file: no certificate in %s", s.CAFile)
		}
	}
	if s.CertFile == "" && s.KeyFile == "" {
		return i, nil
	}
	pair, err := s.pair()
	i.pair = &pair
	return i, err
}

// pair reads the client certificate and its key.
func (s TLS) pair() (tls.Certificate, error) {
	switch {
	case s.CertFile == "":
		return tls.Certificate{}, unreadyf("tls.cert_file: missing")
	case s.KeyFile == "":
		return tls.Certificate{}, unreadyf("tls.key_file: missing")
	}
	cert, err := readFile(s.CertFile, maxPEM)
	if err != nil {
		return tls.Certificate{}, unreadyf("tls.cert_file: %s: %s", s.CertFile, err)
	}
	key, err := readFile(s.KeyFile, maxPEM)
	if err != nil {
		return tls.Certificate{}, unreadyf("tls.key_file: %s: %s", s.KeyFile, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, unreadyf("tls.cert_file, tls.key_file: %s", err)
	}
	return pair, nil
}

// config returns what crypto/tls wants. The certificate is shown whatever
// authorities the server names: a server that knows the certificate itself
// (RFC 8705, section 2.2) may name none that signed it.
func (i identity) config(serverName string) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName, RootCAs: i.roots}
	if i.pair != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return i.pair, nil }
	}
	return config
}
