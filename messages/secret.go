package messages

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
)

// Redacted is what every secret prints as.
const Redacted = "[redacted]"

// Secret is a text that does not print: fmt, encoding/json, logrus and log/slog
// all show [Redacted] instead, also when the Secret sits in an unexported field,
// a slice or a map. The zero Secret holds the empty text.
//
// A Secret is immutable and may be used by any number of goroutines. The text
// lies behind a pointer because fmt prints the fields of structs it cannot call
// methods on; a pointer is all it finds there.
type Secret struct{ text *string }

// NewSecret returns a Secret that holds text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal returns the text. Hand it to whatever needs it and keep it nowhere.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the Secret holds no text.
func (s Secret) IsZero() bool { return s.text == nil || *s.text == "" }

// String returns [Redacted].
func (Secret) String() string { return Redacted }

// Format prints [Redacted] for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, Redacted) }

// MarshalText returns [Redacted].
func (Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// LogValue returns [Redacted].
func (Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// fingerprintDigits is long enough to tell a service's tokens apart and far too
// short to say anything about a token.
const fingerprintDigits = 12

// Fingerprint returns the first 12 hexadecimal digits of the SHA-256 of an
// access token: the name by which logs, events and invalidation call it.
func Fingerprint(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return hex.EncodeToString(sum[:fingerprintDigits/2])
}
