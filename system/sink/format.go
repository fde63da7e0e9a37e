package sink

import (
	"errors"
	"strings"
	"time"

	"tokend/messages"
	"tokend/system/httpapi"
)

// renderer returns what a file is to hold, the same bytes for the same tokens.
type renderer func(tokens map[string]messages.Token) ([]byte, error)

// maxContent bounds what a file holds, and what a function of a template makes.
const maxContent = 8 << 20

var errTooLarge = errors.New("comes to more than 8 MiB")

func rendererOf(spec *Spec) renderer {
	one := map[string]func(t messages.Token) ([]byte, error){
		FormatToken:  always(func(t messages.Token) []byte { return []byte(t.Value()) }),
		FormatHeader: func(t messages.Token) ([]byte, error) { return asHeader(spec.Placement, t) },
		FormatJSON:   always(asJSON),
		FormatEnv:    always(func(t messages.Token) []byte { return asEnv(spec.variable(), t) }),
	}[spec.Format]
	return func(tokens map[string]messages.Token) ([]byte, error) {
		content, err := one(tokens[spec.Service])
		switch {
		case err != nil:
			return nil, err
		case len(content) > maxContent:
			return nil, errTooLarge
		}
		return content, nil
	}
}

// always returns f as one that cannot fail.
func always(f func(t messages.Token) []byte) func(messages.Token) ([]byte, error) {
	return func(t messages.Token) ([]byte, error) { return f(t), nil }
}

// asHeader returns the line of the header that carries the token.
func asHeader(p messages.Placement, t messages.Token) ([]byte, error) {
	name, value, err := p.HeaderOf(t)
	if err != nil {
		return nil, err
	}
	return []byte(name + ": " + value + "\n"), nil
}

// asJSON returns the token as the HTTP door writes it, without what grows wrong
// while the file lies there: expires_in counts from the writing, which a reader
// does not know, and the state may be another one soon.
func asJSON(t messages.Token) []byte {
	wire := httpapi.TokenOf(t, time.Time{})
	wire.ExpiresIn, wire.State = nil, ""
	return append(wire.AppendJSON(nil), '\n')
}

func asEnv(name string, t messages.Token) []byte {
	text := name + "=" + shellQuoted(t.Value()) + "\n"
	if !t.ExpiresAt.IsZero() {
		text += name + "_EXPIRES_AT=" + instant(t.ExpiresAt) + "\n"
	}
	return []byte(text)
}

// variable returns the name of the variable that holds the token.
func (s *Spec) variable() string {
	if s.Name != "" {
		return s.Name
	}
	return "TOKEN_" + strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case '0' <= r && r <= '9':
			return r
		default:
			return '_'
		}
	}, s.Service)
}

// shellQuoted returns text so that a shell reads it as one word. Where that needs
// no quotes there are none: some readers of such files do not know them.
func shellQuoted(text string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._+/=:@%,", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// instant returns t as files hold it, never later than t; empty for none.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
}
