package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// maxText bounds a file that is referred to and the text that a template
// resolves to.
const maxText = 1 << 20

// source is where references are resolved. It is immutable and shared by all
// texts of a configuration.
type source struct {
	dir    string                      // where relative paths start; empty: the working directory
	lookup func(string) (string, bool) // finds a variable; nil: the process's environment
}

// process resolves what Go literals refer to.
var process = &source{}

// expand returns template with its references resolved. Its errors name the
// reference that failed and nothing else of the template.
func (s *source) expand(template string) (string, error) {
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
			value, tail, err := s.reference(after)
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

// secret is expand for a text that must not come out empty. A secret file that
// is just being rewritten is empty for a moment: better to fail and to try again
// than to send that.
func (s *source) secret(template string) (string, error) {
	text, err := s.expand(template)
	if err == nil && text == "" && template != "" {
		return "", fmt.Errorf("%s: empty", template) // only references come to nothing
	}
	return text, err
}

var errReference = errors.New("a reference is ${env:NAME} or ${file:PATH}; write $${ for a literal ${")

// reference resolves what stands between "${" and "}" at the start of text, and
// returns the rest of it. What is not a reference may be a part of a secret, so
// it is not named.
func (s *source) reference(text string) (value, rest string, err error) {
	body, rest, closed := strings.Cut(text, "}")
	scheme, name, _ := strings.Cut(body, ":")
	if !closed || name == "" || strings.ContainsFunc(name, unicode.IsControl) {
		return "", "", errReference
	}
	switch scheme {
	case "env":
		value, err = s.variable(name)
	case "file":
		value, err = s.file(name)
	default:
		return "", "", errReference
	}
	if err != nil {
		return "", "", fmt.Errorf("${%s}: %w", body, err)
	}
	return value, rest, nil
}

func (s *source) variable(name string) (string, error) {
	lookup := s.lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, ok := lookup(name)
	if !ok {
		return "", errors.New("not set")
	}
	return value, nil
}

// file returns a file's text without the newline that most editors end it with.
func (s *source) file(path string) (string, error) {
	text, err := readFile(s.path(path), maxText)
	if err != nil {
		return "", err
	}
	if line, ok := strings.CutSuffix(string(text), "\n"); ok {
		return strings.TrimSuffix(line, "\r"), nil
	}
	return string(text), nil
}

// path returns path as seen from the source's directory.
func (s *source) path(path string) string {
	if path == "" || s.dir == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.dir, path)
}

// readFile reads a regular file of at most limit bytes; opening anything else,
// such as a pipe, might never return. Its errors do not name the file.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, reason(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, reason(err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("larger than %d MiB", limit>>20)
	}
	return text, nil
}

// reason strips operation and path, which whoever asked knows.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// environment returns a look-up in what environ lists.
func environment(environ func() []string) func(string) (string, bool) {
	if environ == nil {
		return nil
	}
	return func(name string) (string, bool) {
		for _, entry := range environ() {
			if key, value, ok := strings.Cut(entry, "="); ok && key == name {
				return value, true
			}
		}
		return "", false
	}
}
