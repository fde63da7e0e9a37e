package provider

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// minRSA is the least size of an RSA key in bits (RFC 7518, section 3.3).
const minRSA = 2048

// private is a key that signs.
type private struct {
	crypto.Signer

	id, algorithm, thumbprint string // those of the JWK that it came in, if any
}

// signing is how assertions are signed with a key.
type signing struct {
	key, certificate       func() (Text, error) // certificate may be nil
	id, algorithm          string
	keyName, algorithmName string // of the keys of the configuration
}

// signer reads the key and the certificate anew. Its error quotes nothing of
// them.
func (w *signing) signer() (*signer, *KeyError) {
	text, err := w.key()
	if err != nil {
		return nil, &KeyError{w.keyName, err.Error()}
	}
	key, err := parseKey(text.Reveal())
	if err != nil {
		return nil, &KeyError{w.keyName, err.Error()}
	}
	suited := suitedTo(key.Public())
	s := &signer{
		key: key.Signer, id: cmp.Or(w.id, key.id), thumbprint: key.thumbprint,
		algorithm: cmp.Or(w.algorithm, key.algorithm, suited[0]),
	}
	if !slices.Contains(suited, s.algorithm) {
		problem := fmt.Sprintf("%s does not suit the key, %s would", printable(s.algorithm, maxCode), strings.Join(suited, ", "))
		return nil, &KeyError{w.algorithmName, problem}
	}
	return s, w.certify(s, key)
}

// certify adds the thumbprint of the certificate, if there is one.
func (w *signing) certify(s *signer, key private) *KeyError {
	if w.certificate == nil {
		return nil
	}
	text, err := w.certificate()
	if err != nil {
		return &KeyError{"client_certificate", err.Error()}
	}
	cert, err := parseCertificate(text.Reveal())
	if err != nil {
		return &KeyError{"client_certificate", err.Error()}
	}
	if public, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(key.Public()) {
		return &KeyError{"client_certificate", "is not one of client_key"}
	}
	s.thumbprint = thumbprint(cert)
	return nil
}

// thumbprint is the x5t#S256 of RFC 7515, section 4.1.8.
func thumbprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// suitedTo returns the algorithms that sign with a key, the one to prefer first.
func suitedTo(public crypto.PublicKey) []string {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PublicKey:
		return map[elliptic.Curve][]string{
			elliptic.P256(): {"ES256"}, elliptic.P384(): {"ES384"}, elliptic.P521(): {"ES512"},
		}[key.Curve]
	default:
		return []string{"EdDSA"}
	}
}

var (
	errNoKey     = errors.New("is neither a private key in PEM form nor a JWK")
	errEncrypted = errors.New("is encrypted: a key without a password is needed")
	errKeyKind   = errors.New("is of a kind that signs no assertions: RSA, P-256, P-384, P-521 or Ed25519 is needed")
	errShortRSA  = fmt.Errorf("is an RSA key of less than %d bits", minRSA)
	errNoCert    = errors.New("is not a certificate in PEM form")
)

// parseKey reads a private key: a JWK (RFC 7517), PEM that holds PKCS #8,
// PKCS #1 or SEC 1, or a file that Google makes for a service account.
func parseKey(text string) (private, error) {
	parse := parsePEM
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		parse = parseJSON
	}
	key, err := parse(text)
	if err != nil {
		return private{}, err
	}
	return key, usable(key.Signer)
}

func usable(key crypto.Signer) error {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() < minRSA {
			return errShortRSA
		}
	case *ecdsa.PrivateKey:
		if suitedTo(key.Public()) == nil {
			return errKeyKind
		}
	case ed25519.PrivateKey:
	default:
		return errKeyKind
	}
	return nil
}

// parseJSON reads a JWK, or a key of a service account.
func parseJSON(text string) (private, error) {
	if account, ok := parseAccount(text); ok {
		key, err := parsePEM(account.Key)
		key.id = account.KeyID
		return key, err
	}
	return parseJWK(text)
}

func parseJWK(text string) (private, error) {
	var jwk jose.JSONWebKey
	if jwk.UnmarshalJSON([]byte(text)) != nil {
		return private{}, errNoKey
	}
	key, ok := jwk.Key.(crypto.Signer)
	switch {
	case !ok:
		return private{}, errKeyKind // a public key, or a symmetric one
	case !jwk.Valid():
		return private{}, errNoKey
	}
	made := private{Signer: key, id: jwk.KeyID, algorithm: jwk.Algorithm}
	if len(jwk.CertificateThumbprintSHA256) > 0 {
		made.thumbprint = base64.RawURLEncoding.EncodeToString(jwk.CertificateThumbprintSHA256)
	}
	return made, nil
}

// parsePEM reads the first private key of a PEM text; certificates and parameters
// may stand before it.
func parsePEM(text string) (private, error) {
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return private{}, errEncrypted
		}
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		key, ok := parseDER(block.Bytes).(crypto.Signer)
		if !ok {
			return private{}, errKeyKind
		}
		return private{Signer: key}, nil
	}
	return private{}, errNoKey
}

// parseDER returns the key whatever its form, nil if it is in none.
func parseDER(der []byte) any {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key
	}
	return nil
}

// parseCertificate reads the first certificate of a PEM text.
func parseCertificate(text string) (*x509.Certificate, error) {
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errNoCert
		}
		return cert, nil
	}
	return nil, errNoCert
}
