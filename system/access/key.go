package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"tokend/messages"
)

const (
	// keyPrefix is there for people and for programs that look for leaked secrets.
	keyPrefix = "tkd_"
	keyBytes  = 32
	keyLength = len(keyPrefix) + 43 // of 32 bytes in base64url without padding

	hashPrefix = "sha256:"
)

// NewKey returns a key of 256 random bits, tkd_ and 43 characters of base64url, and
// what of it may stand in a configuration: sha256: and 64 hexadecimal digits.
func NewKey() (key messages.Secret, hash string) {
	random := make([]byte, keyBytes)
	_, _ = rand.Read(random) // never fails
	text := keyPrefix + base64.RawURLEncoding.EncodeToString(random)
	sum := sha256.Sum256([]byte(text))
	return messages.NewSecret(text), hashPrefix + hex.EncodeToString(sum[:])
}

type digest = [sha256.Size]byte

func parseHash(text string) (digest, error) {
	var sum digest
	digits, ok := strings.CutPrefix(text, hashPrefix)
	if !ok || len(digits) != hex.EncodedLen(len(sum)) || digits != strings.ToLower(digits) {
		return sum, errors.New("a key_hash is sha256: and 64 lower-case hexadecimal digits")
	}
	if _, err := hex.Decode(sum[:], []byte(digits)); err != nil {
		return sum, errors.New("a key_hash is sha256: and 64 lower-case hexadecimal digits")
	}
	return sum, nil
}

// isKey reports whether text has the form of a key. A password that somebody
// hashed by hand does not: that is how every key has 256 bits.
func isKey(text string) bool {
	if len(text) != keyLength || text[:len(keyPrefix)] != keyPrefix {
		return false
	}
	for i := len(keyPrefix); i < len(text); i++ {
		c := text[i]
		if (c < 'A' || 'Z' < c) && (c < 'a' || 'z' < c) && (c < '0' || '9' < c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// byKey finds the client of a key. It hashes whatever it is given, so that a key
// without the form takes as long as one that is only wrong. What the look-up by
// digest gives away of its time is about a digest, of which nobody can choose more
// than a few bits.
func (p *Policy) byKey(text string) *client {
	var buffer [keyLength]byte
	n := copy(buffer[:], text)
	sum := sha256.Sum256(buffer[:n])
	found := p.keys[sum]
	known := &sum
	if found != nil {
		known = &found.digest
	}
	same := subtle.ConstantTimeCompare(known[:], sum[:]) == 1
	if found == nil || !same || !isKey(text) {
		return nil
	}
	return found
}
