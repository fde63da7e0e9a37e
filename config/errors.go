package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// FieldError is one mistake in a configuration. Neither text holds a value that
// might be secret.
type FieldError struct {
	Path    string // key, such as services.billing.timeout; else the line, the file or the variable that is wrong
	Message string // what is wrong and, where that is known, what would be right
}

// Error returns "PATH: MESSAGE".
func (e *FieldError) Error() string { return e.Path + ": " + e.Message }

// Errors returns every mistake that err, an error of this package, reports, in
// the order of their paths. It is nil if err reports none.
func Errors(err error) []FieldError {
	switch e := err.(type) { //nolint:errorlint // this walks the tree itself
	case *FieldError:
		return []FieldError{*e}
	case interface{ Unwrap() []error }:
		var all []FieldError
		for _, inner := range e.Unwrap() {
			all = append(all, Errors(inner)...)
		}
		return all
	case interface{ Unwrap() error }:
		return Errors(e.Unwrap())
	default:
		return nil
	}
}

// problems collects mistakes.
type problems []FieldError

func (p *problems) add(path, format string, args ...any) {
	*p = append(*p, FieldError{Path: path, Message: fmt.Sprintf(format, args...)})
}

// err joins the problems, each once, sorted; it is nil if there are none.
func (p problems) err() error {
	slices.SortFunc(p, func(a, b FieldError) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return strings.Compare(a.Message, b.Message)
	})
	p = slices.Compact(p)
	errs := make([]error, len(p))
	for i := range p {
		errs[i] = &p[i]
	}
	return errors.Join(errs...)
}

// without returns the problems of p that those of earlier do not explain
// already: a value that could not be read is not also reported as missing.
func (p problems) without(earlier problems) problems {
	broken := make(map[string]bool, len(earlier))
	for _, e := range earlier {
		broken[e.Path] = true
	}
	return slices.DeleteFunc(p, func(e FieldError) bool { return within(broken, e.Path) })
}

// within reports whether path, or a key that it lies under, is in the set.
func within(set map[string]bool, path string) bool {
	for !set[path] {
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return false
		}
		path = path[:i]
	}
	return true
}

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return label(key)
	}
	return path + "." + label(key)
}

// item appends an index to a path.
func item(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

const maxLabel = 128

// label returns the part of a key that may be shown. Where a colon lacks its
// space, YAML takes a key and its secret value as one key.
func label(key string) string {
	end := strings.IndexFunc(key, func(r rune) bool { return !isKeyRune(r) })
	if end < 0 {
		end = len(key)
	}
	if end = min(end, maxLabel); end < len(key) || key == "" {
		return key[:end] + "…"
	}
	return key
}

func isKeyRune(r rune) bool {
	return isAlphanumeric(r) || strings.ContainsRune("_-.", r)
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
