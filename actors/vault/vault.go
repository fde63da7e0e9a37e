package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"tokend/messages"
)

// The ways to keep secrets in memory.
const (
	MemorySealed = "sealed"
	MemoryPlain  = "plain"
)

// sealsPerKey bounds what one key seals: with random 96-bit nonces the odds of a
// repetition stay below 2^-32 up to 2^32 messages (NIST SP 800-38D, 8.3).
const sealsPerKey = 1 << 31

// Vault seals secrets. Its methods may be called concurrently.
type Vault struct {
	plain bool
	key   atomic.Pointer[key]
}

type key struct {
	aead  cipher.AEAD
	seals atomic.Uint64
}

// New returns a Vault that keeps secrets the given way: [MemorySealed], which
// the empty text means too, or [MemoryPlain].
func New(memory string) (*Vault, error) {
	switch memory {
	case MemoryPlain:
		return &Vault{plain: true}, nil
	case MemorySealed, "":
	default:
		return nil, fmt.Errorf("vault memory %q: want %s or %s", memory, MemorySealed, MemoryPlain)
	}
	v := &Vault{}
	k, err := newKey()
	if err != nil {
		return nil, err
	}
	v.key.Store(k)
	return v, nil
}

func newKey() (*key, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails, see crypto/rand
	defer clear(raw)
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("vault key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("vault key: %w", err)
	}
	return &key{aead: aead}, nil
}

// Label says what a box is for. It is authenticated with the box's contents, so
// one service's box never opens as another's, nor an old one as a new one.
type Label struct {
	Service    string
	Part       Part
	Generation uint64
}

// Part says which of a service's secrets a box holds.
type Part byte

// The parts.
const (
	AccessToken   Part = 't'
	ProviderState Part = 's' // what the provider wants to have again
)

// bytes returns the label with room for what is to follow. The name comes last,
// as it alone has no fixed length.
func (l Label) bytes(room int) []byte {
	b := make([]byte, 0, 1+8+len(l.Service)+room)
	b = append(b, byte(l.Part))
	b = binary.BigEndian.AppendUint64(b, l.Generation)
	return append(b, l.Service...)
}

// Seal returns secret in a box of its own nonce, labelled l. An empty secret
// gives the zero Sealed.
func (v *Vault) Seal(l Label, secret messages.Secret) Sealed {
	if secret.IsZero() {
		return Sealed{}
	}
	if v.plain {
		return Sealed{plain: secret}
	}
	text := []byte(secret.Reveal())
	defer clear(text)
	return v.box(l, text)
}

// SealBytes is [Vault.Seal] of a secret that the caller overwrites when this has
// returned.
func (v *Vault) SealBytes(l Label, secret []byte) Sealed {
	switch {
	case len(secret) == 0:
		return Sealed{}
	case v.plain:
		return Sealed{plain: messages.NewSecret(string(secret))}
	}
	return v.box(l, secret)
}

func (v *Vault) box(l Label, text []byte) Sealed {
	k := v.currentKey()
	data := l.bytes(k.aead.Overhead() + len(text))
	return Sealed{key: k, data: k.aead.Seal(data, nil, text, data), label: len(data)}
}

// currentKey returns the key to seal with and replaces a worn one. Boxes know
// the key they were sealed with, so an old key lives as long as its last box.
func (v *Vault) currentKey() *key {
	k := v.key.Load()
	if k.seals.Add(1) < sealsPerKey {
		return k
	}
	fresh, err := newKey()
	if err != nil { // cannot happen: the key has the right size
		return k
	}
	if v.key.CompareAndSwap(k, fresh) {
		return fresh
	}
	return v.key.Load()
}

// Sealed is a secret in its box. It is immutable, may be copied and opened
// concurrently, and prints redacted. The zero Sealed holds nothing.
type Sealed struct {
	key   *key   // nil: plain
	data  []byte // label, nonce, ciphertext and tag
	label int    // length of the label
	plain messages.Secret
}

// IsZero reports whether the box holds nothing.
func (s Sealed) IsZero() bool { return s.key == nil && s.plain.IsZero() }

// IsPlain reports whether the secret lies in the box as it is.
func (s Sealed) IsPlain() bool { return s.key == nil }

// Same reports whether both are the very same box, or hold the same secret as it
// is. Two boxes of one secret are not the same.
func (s Sealed) Same(o Sealed) bool {
	return s.key == o.key && bytes.Equal(s.data, o.data) && s.plain.Reveal() == o.plain.Reveal()
}

// Open returns the secret. It fails only if the box was changed in memory.
func (s Sealed) Open() (messages.Secret, error) {
	if s.key == nil {
		return s.plain, nil
	}
	scratch := scratches.Get().(*[]byte)
	defer scratches.Put(scratch)
	return s.openIn(scratch)
}

// openIn is [Sealed.Open] with a place for the secret before it is a string. Nothing of
// it is left there.
func (s Sealed) openIn(scratch *[]byte) (messages.Secret, error) {
	text, err := s.open((*scratch)[:0])
	if err != nil {
		return messages.Secret{}, err
	}
	secret := messages.NewSecret(string(text))
	clear(text)
	if cap(text) <= longestScratch {
		*scratch = text
	}
	return secret, nil
}

// scratches are places for openIn: a secret that is read often leaves no more garbage
// than itself.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

const longestScratch = 16 << 10

// OpenBytes is [Sealed.Open] for a caller who overwrites the secret when it has
// served.
func (s Sealed) OpenBytes() ([]byte, error) {
	if s.key == nil {
		return []byte(s.plain.Reveal()), nil
	}
	return s.open(nil)
}

// AppendTo is [Sealed.Open] for a caller who has a place for the secret, and overwrites
// it there when it has served. When it fails it returns dst.
func (s Sealed) AppendTo(dst []byte) ([]byte, error) {
	if s.key == nil {
		return append(dst, s.plain.Reveal()...), nil
	}
	text, err := s.open(dst)
	if err != nil {
		return dst, err
	}
	return text, nil
}

// open appends the secret of a box that is sealed to dst.
func (s Sealed) open(dst []byte) ([]byte, error) {
	text, err := s.key.aead.Open(dst, nil, s.data[s.label:], s.data[:s.label])
	if err != nil {
		return nil, fmt.Errorf("open sealed secret: %w", err)
	}
	return text, nil
}

// Format prints [messages.Redacted] for every verb.
func (Sealed) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, messages.Redacted) }

// MarshalText returns [messages.Redacted].
func (Sealed) MarshalText() ([]byte, error) { return []byte(messages.Redacted), nil }
