package config

import (
	"crypto/tls"
	"crypto/x509"
	"strings"

	"tokend/actors/local"
)

// checkTLS reads the files of a TLS setting. Services may change them later;
// that they are wrong from the start is better said at the start.
func (v *checker) checkTLS(path string, t *TLS) {
	if t == nil {
		return
	}
	found, known := v.tls[*t]
	if !known {
		found = checkFiles(t)
		v.tls[*t] = found
	}
	for _, p := range found {
		v.add(join(path, p.Path), "%s", p.Message)
	}
}

// checkFiles returns what is wrong with t; the paths are keys of tls.
func checkFiles(t *TLS) problems {
	var found problems
	ca := found.read("ca_file", t.CAFile)
	if ca != nil && !x509.NewCertPool().AppendCertsFromPEM(ca) {
		found.add("ca_file", "holds no certificate in PEM form")
	}
	found.checkPair(t)
	if t.ServerName != "" && !hostName.MatchString(strings.ToLower(t.ServerName)) {
		found.add("server_name", "must be the name of a host")
	}
	return found
}

func (p *problems) checkPair(t *TLS) {
	switch {
	case t.CertFile == "" && t.KeyFile != "":
		p.add("cert_file", "required, for key_file is set")
	case t.KeyFile == "" && t.CertFile != "":
		p.add("key_file", "required, for cert_file is set")
	}
	cert, key := p.read("cert_file", t.CertFile), p.read("key_file", t.KeyFile)
	if cert == nil || key == nil {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		p.add("cert_file", "does not make a pair with key_file in PEM form")
	}
}

// read returns the text of a file, nil if it is not set or cannot be read.
func (p *problems) read(path, file string) []byte {
	if file == "" {
		return nil
	}
	text, err := local.ReadFile(file, maxText)
	if err != nil {
		p.add(path, "%v", err)
		return nil
	}
	return text
}
