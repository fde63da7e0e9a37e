package provider

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"

	"tokend/actors/local"
)

// maxPEM bounds a file of certificates.
const maxPEM = 1 << 20

// tlsFiles is what the files of a TLS setting hold.
type tlsFiles struct {
	setting       TLS
	ca, cert, key []byte
	sum           [sha256.Size]byte // of all of it
}

// read reads the files that are set. Its errors are *unready.
func (s TLS) read() (*tlsFiles, error) {
	f := &tlsFiles{setting: s}
	switch {
	case s.CertFile == "" && s.KeyFile != "":
		return nil, unreadyf("tls.cert_file: missing")
	case s.KeyFile == "" && s.CertFile != "":
		return nil, unreadyf("tls.key_file: missing")
	}
	hash := sha256.New()
	for _, file := range []struct {
		key, path string
		text      *[]byte
	}{
		{"tls.ca_file", s.CAFile, &f.ca}, {"tls.cert_file", s.CertFile, &f.cert}, {"tls.key_file", s.KeyFile, &f.key},
	} {
		if file.path == "" {
			continue
		}
		text, err := local.ReadFile(file.path, maxPEM)
		if err != nil {
			return nil, unreadyf("%s: %s: %s", file.key, file.path, err)
		}
		*file.text = text
		_ = binary.Write(hash, binary.BigEndian, uint64(len(text))) // a hash takes everything
		_, _ = hash.Write(text)
	}
	hash.Sum(f.sum[:0])
	return f, nil
}

// config returns what crypto/tls wants. Its errors are *unready.
func (f *tlsFiles) config(serverName string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName}
	if f.setting.CAFile != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(f.ca) {
			return nil, unreadyf("tls.ca_file: no certificate in %s", f.setting.CAFile)
		}
	}
	if f.setting.CertFile == "" {
		return config, nil
	}
	pair, err := tls.X509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, unreadyf("tls.cert_file, tls.key_file: %s", err)
	}
	// It is shown whatever authorities the server names: a server that knows the
	// certificate itself (RFC 8705, section 2.2) may name none that signed it.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return config, nil
}
