package disk

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"tokend/messages"
)

const keySize = 32

// Key is a key-encryption key. It prints redacted, and all copies of it are wiped at
// once.
type Key struct {
	secret *secret
	id     [8]byte // tells which key a file wants, and nothing about the key
}

type secret struct{ aead cipher.AEAD } // nil: it was wiped

// NewKey returns the text of a new random key, as [ParseKey] takes it.
func NewKey() messages.Secret {
	raw := randomBytes(keySize)
	defer clear(raw)
	return messages.NewSecret(base64.StdEncoding.EncodeToString(raw))
}

var errKey = errors.New("a vault key is 32 bytes in base64 or hex; tokend vault key new makes one")

// ParseKey reads a key of 32 bytes in base64, with or without padding, or hex.
func ParseKey(text messages.Secret) (Key, error) {
	raw := decodeKey(strings.TrimSpace(text.Reveal()))
	defer clear(raw)
	if len(raw) != keySize {
		return Key{}, errKey
	}
	named := append([]byte("tokend vault key id"), raw...)
	defer clear(named)
	k := Key{secret: &secret{newAEAD(raw)}}
	sum := sha256.Sum256(named)
	copy(k.id[:], sum[:])
	return k, nil
}

// Wipe overwrites the key in memory. It opens and seals nothing any more, but can
// still be compared.
func (k Key) Wipe() {
	if k.usable() {
		wipe(k.secret.aead)
		k.secret.aead = nil
	}
}

func (k Key) usable() bool { return k.secret != nil && k.secret.aead != nil }

// Wiped reports whether the key was wiped.
func (k Key) Wiped() bool { return !k.usable() }

// wipe overwrites what a cipher of the standard library has made of its key, which
// offers no way to do so itself.
func wipe(cipher any) {
	v := reflect.ValueOf(cipher)
	for v.Kind() == reflect.Struct && v.NumField() == 1 {
		v = v.Field(0)
	}
	if v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().CanSet() {
		v.Elem().SetZero()
	}
}

// decodeKey returns nil for what is neither base64 nor hex.
func decodeKey(text string) []byte {
	if len(text) == hex.EncodedLen(keySize) {
		if raw, err := hex.DecodeString(text); err == nil {
			return raw
		}
	}
	text = strings.TrimRight(text, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		raw, err := encoding.Strict().DecodeString(text)
		if err == nil {
			return raw
		}
		clear(raw) // the part before the mistake
	}
	return nil
}

// Same reports whether both are the same key.
func (k Key) Same(o Key) bool { return k.id == o.id }

// Format prints [messages.Redacted] for every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, messages.Redacted) }

// MarshalText returns [messages.Redacted].
func (Key) MarshalText() ([]byte, error) { return []byte(messages.Redacted), nil }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return b
}

// newAEAD returns AES-256-GCM that draws its nonces itself. It fails for no key of
// 32 bytes.
func newAEAD(raw []byte) cipher.AEAD {
	block, err := aes.NewCipher(raw)
	if err != nil {
		panic(err)
	}
	defer wipe(block) // what follows has a copy
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}
