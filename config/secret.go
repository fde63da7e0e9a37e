package config

import (
	"fmt"
	"log/slog"

	"tokend/messages"
)

// Secret is a template of a secret text: it holds references instead of, or in
// between, literal text, and is resolved anew whenever the text is needed, so
// that a changed file or variable counts at once. It prints redacted, template
// included. The zero Secret is not set.
//
// References are ${env:NAME} and ${file:PATH}. A $${ is a literal ${; any other
// $ is literal. A file loses one trailing newline and may have 1 MiB.
//
// A Secret is immutable and may be used by any number of goroutines.
type Secret struct {
	redacted
	ref hidden[reference]
}

type reference struct {
	template string
	source   *source
}

// NewSecret returns a Secret for the given template. Its relative paths start at
// the working directory, its variables are those of the process.
func NewSecret(template string) Secret { return newSecret(template, process) }

func newSecret(template string, s *source) Secret {
	if template == "" {
		return Secret{}
	}
	return Secret{ref: hide(reference{template, s})}
}

// Resolve returns the text that the template stands for now. It is an error if
// a reference cannot be resolved, or if nothing comes of a template that is set;
// the error names the reference and holds nothing secret.
func (s Secret) Resolve() (messages.Secret, error) {
	if s.IsZero() {
		return messages.Secret{}, nil
	}
	ref := s.ref.get()
	text, err := ref.source.secret(ref.template)
	if err != nil {
		return messages.Secret{}, err
	}
	return messages.NewSecret(text), nil
}

// IsZero reports whether the Secret is not set.
func (s Secret) IsZero() bool { return s.ref.isZero() }

// Secrets are named secret texts, such as the fields of a form. They print
// redacted, names included.
type Secrets map[string]Secret

// String returns [messages.Redacted].
func (Secrets) String() string { return messages.Redacted }

// Format prints [messages.Redacted] for every verb.
func (Secrets) Format(f fmt.State, r rune) { redacted{}.Format(f, r) }

// MarshalText returns [messages.Redacted].
func (Secrets) MarshalText() ([]byte, error) { return redacted{}.MarshalText() }

// LogValue returns [messages.Redacted].
func (Secrets) LogValue() slog.Value { return redacted{}.LogValue() }
