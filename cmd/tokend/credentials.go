package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokend/messages"
)

// The environment variables that stand for flags of client commands.
const (
	keyFileEnv     = "TOKEND_KEY_FILE"
	caFileEnv      = "TOKEND_CA_FILE"
	certFileEnv    = "TOKEND_CERT_FILE"
	certKeyFileEnv = "TOKEND_CERT_KEY_FILE"
	socketOwnerEnv = "TOKEND_SOCKET_OWNER"
)

// place is what a client command is told about the node, by flags and by the
// environment.
type place struct {
	addr        string
	keyFile     string // of the bearer key
	caFile      string // of the CAs that the node's certificate leads to
	certFile    string // of the caller's certificate
	certKeyFile string
	socketOwner string        // user that a Unix socket may be of, by name or number
	timeout     time.Duration // of one answer; 0: clientTimeout
	wait        time.Duration // how long to go on asking; 0: once

	tlsFlags bool              // a flag is about TLS
	from     map[string]string // flags, each with the variable that stood for it
}

func addAddr(cmd *cobra.Command, at *place) {
	flags := cmd.Flags()
	flags.StringVar(&at.addr, "addr", "", "ask the node at `ADDRESS`")
	flags.StringVar(&at.keyFile, "key-file", "", "send the key in `FILE` over TCP")
	flags.StringVar(&at.caFile, "ca-file", "", "trust the certificates in `FILE` instead of the system's, with https")
	flags.StringVar(&at.certFile, "cert-file", "", "show the certificate in `FILE`, with https")
	flags.StringVar(&at.certKeyFile, "cert-key-file", "", "prove it with the private key in `FILE`")
	flags.StringVar(&at.socketOwner, "socket-owner", "", "also trust a Unix socket of `USER`, a name or number")
	at.timeout = clientTimeout
	flags.Var(&duration{&at.timeout, 1}, "timeout", "wait at most `DURATION` for one answer of the node")
	flags.Var(&duration{&at.wait, 0}, "wait", "keep trying for at most `DURATION` until the node has an answer")
	_ = cmd.RegisterFlagCompletionFunc("timeout", completeWords("5s", "30s", "1m")) // the flags are there
	_ = cmd.RegisterFlagCompletionFunc("socket-owner", completeWords())             // a user is no file
	_ = cmd.RegisterFlagCompletionFunc("wait", completeWords("10s", "30s", "1m", "5m"))
}

// duration is a flag that has a least value.
type duration struct {
	value *time.Duration
	least time.Duration
}

// Set reads a text such as 30s.
func (d *duration) Set(text string) error {
	value, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return errors.New("must be a duration such as 30s")
	case value < d.least && d.least > 0:
		return errors.New("must be longer than 0s")
	case value < d.least:
		return errors.New("must not be negative")
	}
	*d.value = value
	return nil
}

// String returns the value, nothing for none.
func (d *duration) String() string {
	if d.value == nil || *d.value == 0 {
		return ""
	}
	return d.value.String()
}

// Type returns the name of the type.
func (*duration) Type() string { return "duration" }

// withEnvironment returns at, with what the environment says where there is no flag.
func (p program) withEnvironment(at place) place {
	at.tlsFlags = at.caFile != "" || at.certFile != "" || at.certKeyFile != ""
	at.from = map[string]string{}
	for _, v := range []struct {
		value     *string
		flag, env string
	}{
		{&at.keyFile, "--key-file", keyFileEnv},
		{&at.caFile, "--ca-file", caFileEnv},
		{&at.certFile, "--cert-file", certFileEnv},
		{&at.certKeyFile, "--cert-key-file", certKeyFileEnv},
		{&at.socketOwner, "--socket-owner", socketOwnerEnv},
	} {
		at.from[v.flag] = v.flag
		if text := p.getenv(v.env); *v.value == "" && text != "" {
			*v.value, at.from[v.flag] = text, v.env
		}
	}
	return at
}

// owner returns the number of the user that a socket may be of, nil if none is named.
func (at place) owner() (*uint32, error) {
	if at.socketOwner == "" {
		return nil, nil
	}
	text := at.socketOwner
	if u, err := user.Lookup(text); err == nil {
		text = u.Uid
	}
	uid, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return nil, usageError(fmt.Sprintf("%s: there is no user %.64q here", at.from["--socket-owner"], at.socketOwner))
	}
	return new(uint32(uid)), nil
}

const maxKeyFile = 4 << 10

// key returns the bearer key, zero if no file is named.
func (p program) key(at place) (messages.Secret, error) {
	if at.keyFile == "" {
		return messages.Secret{}, nil
	}
	text, err := readKey(at.keyFile)
	if err != nil {
		return messages.Secret{}, usageError(fmt.Sprintf("%s: %v", at.from["--key-file"], err))
	}
	p.warnOfOthers(at.keyFile)
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

// tlsConfig returns how to talk to a node at host over https.
func (at place) tlsConfig(host string) (*tls.Config, error) {
	name, _, _ := strings.Cut(host, "%") // no certificate has a zone
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name}
	if at.caFile != "" {
		pem, err := os.ReadFile(at.caFile)
		if err != nil {
			return nil, usageError(at.from["--ca-file"] + ": " + err.Error())
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usageError(at.from["--ca-file"] + ": there is no certificate in " + at.caFile)
		}
	}
	if (at.certFile == "") != (at.certKeyFile == "") {
		return nil, usageError(at.from["--cert-file"] + " and " + at.from["--cert-key-file"] + " belong together")
	}
	if at.certFile != "" {
		pair, err := tls.LoadX509KeyPair(at.certFile, at.certKeyFile)
		if err != nil {
			return nil, usageError(at.from["--cert-file"] + ": " + err.Error())
		}
		// Shown whatever CAs the node names: it then says what is wrong with it.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return cfg, nil
}
