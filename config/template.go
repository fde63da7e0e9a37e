package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"tokend/messages"
)

// maxText bounds a file that is referred to and the text that a template
// resolves to.
const maxText = 1 << 20

// lookUp returns what a reference of the given scheme, env, file or exec, stands
// for.
type lookUp func(scheme, name string) (string, error)

// expand returns template with its references resolved. Its errors name the
// reference that failed and nothing else of the template.
func expand(template string, resolve lookUp) (string, error) {
	var out strings.Builder
	for rest := template; ; {
		before, after, found := strings.Cut(rest, "${")
		literal, escaped := strings.CutSuffix(before, "$")
		switch {
		case !found:
			out.WriteString(rest)
			return bounded(out.String())
		case escaped:
			out.WriteString(literal + "${")
			rest = after
		default:
			out.WriteString(before)
			value, tail, err := substitute(after, resolve)
			if err != nil {
				return "", err
			}
			out.WriteString(value)
			rest = tail
		}
		if out.Len() > maxText {
			return bounded(out.String())
		}
	}
}

func bounded(text string) (string, error) {
	if len(text) > maxText {
		return "", errors.New("resolves to more than 1 MiB")
	}
	return text, nil
}

// schemes are what a reference may begin with.
var schemes = []string{"env", "file", "exec"}

var errReference = errors.New("a reference is ${env:NAME} or ${file:PATH}; write $${ for a literal ${")

// substitute resolves what stands between "${" and "}" at the start of text, and
// returns the rest of it. What is not a reference may be a part of a secret, so
// it is not named.
func substitute(text string, resolve lookUp) (value, rest string, err error) {
	body, rest, closed := strings.Cut(text, "}")
	scheme, name, _ := strings.Cut(body, ":")
	if !closed || name == "" || strings.ContainsFunc(name, unicode.IsControl) || !slices.Contains(schemes, scheme) {
		return "", "", errReference
	}
	value, err = resolve(scheme, name)
	if err != nil && scheme != "exec" && strings.ContainsAny(name, "\"`{") {
		return "", "", errReference // its } is missing, and that of something behind it was found
	}
	if err != nil {
		if scheme == "exec" { // an argument may be secret
			body = "exec:…"
		}
		return "", "", fmt.Errorf("${%s}: %w", body, err)
	}
	return value, rest, nil
}

// expand is the function of that name with the references of s.
func (s *source) expand(template string) (string, error) { return expand(template, s.value) }

var errEmpty = errors.New("empty")

// secret is expand for a text whose references must not come to nothing; it adds
// what they come to, each by itself, to found.
func (s *source) secret(template string, found *[]messages.Secret) (string, error) {
	return expand(template, func(scheme, name string) (string, error) {
		value, err := s.needed(scheme, name)
		if err == nil {
			*found = append(*found, messages.NewSecret(value))
		}
		return value, err
	})
}

// needed is value for a reference that must not come to nothing. A secret file that
// is just being rewritten is empty for a moment: better to fail and to try again
// than to send that.
func (s *source) needed(scheme, name string) (string, error) {
	value, err := s.value(scheme, name)
	if err == nil && value == "" {
		err = errEmpty
	}
	return value, err
}
