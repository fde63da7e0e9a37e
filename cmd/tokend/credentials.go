package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"tokend/messages"
)

const keyFileEnv = "TOKEND_KEY_FILE"

// place is what the flags of a client command say about the node.
type place struct {
	addr        string
	keyFile     string // of the bearer key
	caFile      string // of the CAs that the node's certificate leads to
	certFile    string // of the caller's certificate
	certKeyFile string
}

func addAddr(cmd *cobra.Command, at *place) {
	flags := cmd.Flags()
	flags.StringVar(&at.addr, "addr", "", "ask the node at `ADDRESS`")
	flags.StringVar(&at.keyFile, "key-file", "", "send the key in `FILE` over TCP")
	flags.StringVar(&at.caFile, "ca-file", "", "trust the certificates in `FILE` instead of the system's, with https")
	flags.StringVar(&at.certFile, "cert-file", "", "show the certificate in `FILE`, with https")
	flags.StringVar(&at.certKeyFile, "cert-key-file", "", "prove it with the private key in `FILE`")
}

const maxKeyFile = 4 << 10

// key returns the bearer key, zero if no file is named.
func (p program) key(at place) (messages.Secret, error) {
	file, from := at.keyFile, "--key-file"
	if file == "" {
		file, from = p.getenv(keyFileEnv), keyFileEnv
	}
	if file == "" {
		return messages.Secret{}, nil
	}
	text, err := readKey(file)
	if err != nil {
		return messages.Secret{}, usageError(fmt.Sprintf("%s: %v", from, err))
	}
	p.warnOfOthers(file)
	return messages.NewSecret(text), nil
}

func readKey(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return "", err
	}
	key := strings.TrimRight(string(text), "\r\n")
	if len(text) > maxKeyFile || !isWord(key) {
		return "", fmt.Errorf("%s does not hold a key alone", file)
	}
	return key, nil
}

// warnOfOthers tells if others can read the key.
func (p program) warnOfOthers(file string) {
	info, err := os.Stat(file)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		complain(p.stderr, "warning", fmt.Sprintf("others can read the key in %s: chmod 600 changes that", file))
	}
}

// tlsConfig returns how to talk to a node over https.
func (at place) tlsConfig() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if at.caFile != "" {
		pem, err := os.ReadFile(at.caFile)
		if err != nil {
			return nil, usageError("--ca-file: " + err.Error())
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usageError("--ca-file: there is no certificate in " + at.caFile)
		}
	}
	if (at.certFile == "") != (at.certKeyFile == "") {
		return nil, usageError("--cert-file and --cert-key-file belong together")
	}
	if at.certFile != "" {
		pair, err := tls.LoadX509KeyPair(at.certFile, at.certKeyFile)
		if err != nil {
			return nil, usageError("--cert-file: " + err.Error())
		}
		// Shown whatever CAs the node names: it then says what is wrong with it.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return cfg, nil
}
