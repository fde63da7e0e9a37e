package disk

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"

	"tokend/actors/vault"
)

// sealsPerKey is how many records one data key is good for with random 96-bit
// nonces (NIST SP 800-38D, 8.3). A hundred services that are refreshed every minute
// take over forty years to get there, a hundred thousand some weeks; [Rotate]
// begins anew.
const sealsPerKey = 1 << 32

// dataKey seals the records of a file.
type dataKey struct {
	aead     cipher.AEAD
	raw      []byte // wrapped as it is: the data key, then the identity key
	identity []byte // of [Store.Identity]; it outlives a rotation of the data key
}

// newDataKey returns a random key. Without an identity it gets a random one.
func newDataKey(identity []byte) *dataKey {
	if identity == nil {
		identity = randomBytes(keySize)
	}
	return openDataKey(append(randomBytes(keySize), identity...))
}

func openDataKey(raw []byte) *dataKey {
	return &dataKey{aead: newAEAD(raw[:keySize]), raw: raw, identity: raw[keySize:]}
}

var wrapLabel = []byte("tokend vault data key 1")

// wrap returns the data key as it may lie in the file.
func (d *dataKey) wrap(k Key) []byte {
	return append(k.id[:], k.secret.aead.Seal(nil, nil, d.raw, append(wrapLabel[:len(wrapLabel):len(wrapLabel)], k.id[:]...))...)
}

var (
	errWrongKey = errors.New("none of the keys opens this vault")
	errWrap     = errors.New("the wrapped data key is damaged")
)

// unwrap returns the data key and the place of the key that opened it.
func unwrap(wrapped []byte, keys []Key) (*dataKey, int, error) {
	for i, k := range keys {
		if !k.usable() || len(wrapped) < len(k.id) || string(wrapped[:len(k.id)]) != string(k.id[:]) {
			continue
		}
		raw, err := k.secret.aead.Open(nil, nil, wrapped[len(k.id):], append(wrapLabel[:len(wrapLabel):len(wrapLabel)], k.id[:]...))
		if err != nil || len(raw) != 2*keySize {
			clear(raw)
			return nil, 0, errWrap
		}
		return openDataKey(raw), i, nil
	}
	return nil, 0, errWrongKey
}

// newIdentity returns the keyed hash of [Store.Identity].
func (d *dataKey) newIdentity() hash.Hash { return hmac.New(sha256.New, d.identity) }

// header is what stands before the sealed part of a record, in the clear.
type header struct {
	generation, credential, revision uint64
}

const (
	recordFormat = 1
	headerSize   = 1 + 3*8
)

func (h header) bytes() []byte {
	b := append(make([]byte, 0, headerSize), recordFormat)
	b = binary.BigEndian.AppendUint64(b, h.generation)
	b = binary.BigEndian.AppendUint64(b, h.credential)
	return binary.BigEndian.AppendUint64(b, h.revision)
}

var (
	errDamaged = errors.New("the record is damaged")
	errFormat  = errors.New("the record has a format that this version does not know")
)

func parseHeader(value []byte) (header, error) {
	switch {
	case len(value) < headerSize:
		return header{}, errDamaged
	case value[0] != recordFormat:
		return header{}, errFormat
	}
	return header{
		generation: binary.BigEndian.Uint64(value[1:]),
		credential: binary.BigEndian.Uint64(value[9:]),
		revision:   binary.BigEndian.Uint64(value[17:]),
	}, nil
}

// label returns what is authenticated with a record. The lengths keep one pair of
// names from reading as another.
func (h header) label(key vault.Key) []byte {
	b := append([]byte("record"), h.bytes()...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(key.Service))) //nolint:gosec // names are short
	b = append(b, key.Service...)
	return append(b, key.Variant...)
}

func (d *dataKey) seal(key vault.Key, h header, text []byte) []byte {
	return append(h.bytes(), d.aead.Seal(nil, nil, text, h.label(key))...)
}

// open returns what is sealed in a record. It copies: value belongs to bbolt.
func (d *dataKey) open(key vault.Key, value []byte) (header, []byte, error) {
	h, err := parseHeader(value)
	if err != nil {
		return header{}, nil, err
	}
	text, err := d.aead.Open(nil, nil, value[headerSize:], h.label(key))
	if err != nil {
		return header{}, nil, errDamaged
	}
	return h, text, nil
}
