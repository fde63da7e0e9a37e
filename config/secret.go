package config

import (
	"fmt"
	"log/slog"
	"strings"

	"tokend/messages"
)

// Secret is a template of a secret text: it holds references instead of, or in
// between, literal text, and is resolved anew whenever the text is needed: what a
// file or variable holds then counts. It prints redacted, template
// included. The zero Secret is not set.
//
// References are ${env:NAME} and ${file:PATH}. A $${ is a literal ${; any other
// $ is literal. A file loses one trailing newline and a byte order mark, and may
// have 1 MiB. See [Vault.Key] for a third form.
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
// a reference cannot be resolved or comes to nothing; the error names the
// reference and holds nothing secret.
func (s Secret) Resolve() (messages.Secret, error) {
	text, _, err := s.Expand()
	return text, err
}

// Expand is [Secret.Resolve] that also returns what each reference came to, read
// in the same pass: that is secret by itself, whatever stands around it.
func (s Secret) Expand() (text messages.Secret, references []messages.Secret, err error) {
	if s.IsZero() {
		return messages.Secret{}, nil, nil
	}
	ref := s.ref.get()
	var found []messages.Secret
	resolved, err := ref.source.secret(ref.template, &found)
	if err != nil {
		return messages.Secret{}, nil, err
	}
	return messages.NewSecret(resolved), found, nil
}

// File returns the path of the file that the Secret is the text of, empty if it is
// anything else. The path is no secret.
func (s Secret) File() string {
	if s.IsZero() {
		return ""
	}
	ref := s.ref.get()
	body, begins := strings.CutPrefix(ref.template, "${file:")
	path, ends := strings.CutSuffix(body, "}")
	if !begins || !ends || strings.ContainsAny(path, "{}") {
		return ""
	}
	return ref.source.path(path)
}

// IsZero reports whether the Secret is not set.
func (s Secret) IsZero() bool { return s.ref.isZero() }

// Secrets are named secret texts, such as the fields of a form. They print
// redacted, names included.
type Secrets map[string]Secret

// Expand returns what [Secret.Expand] does for each secret, all references
// together. Its error joins one [FieldError], with the name as its path, for every
// secret that cannot be resolved.
func (s Secrets) Expand() (texts map[string]messages.Secret, references []messages.Secret, err error) {
	var failed problems
	texts = make(map[string]messages.Secret, len(s))
	for name, secret := range s {
		text, found, err := secret.Expand()
		if err != nil {
			failed.add(label(name), "%v", err)
		}
		texts[name] = text
		references = append(references, found...)
	}
	if failed != nil {
		return nil, nil, failed.err()
	}
	return texts, references, nil
}

// String returns [messages.Redacted].
func (Secrets) String() string { return messages.Redacted }

// Format prints [messages.Redacted] for every verb.
func (Secrets) Format(f fmt.State, r rune) { redacted{}.Format(f, r) }

// MarshalText returns [messages.Redacted].
func (Secrets) MarshalText() ([]byte, error) { return redacted{}.MarshalText() }

// LogValue returns [messages.Redacted].
func (Secrets) LogValue() slog.Value { return redacted{}.LogValue() }
