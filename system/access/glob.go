package access

import "errors"

// match reports whether name is what pattern stands for: * for any run of
// characters, ? for one, everything else for itself. When what follows a star does
// not fit, only the last star may take more, so it never tries more than
// len(pattern) × len(name) times.
func match(pattern, name string) bool {
	p, n := 0, 0
	star, taken := -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, taken = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p, n = p+1, n+1
		case star >= 0:
			taken++
			p, n = star+1, taken
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// maxName is how long the name of a service may be.
const maxName = 63

var errGlob = errors.New("a glob of services is made of a-z, 0-9, '.', '_' and '-', the first of these a letter or digit, with * for any characters and ? for one")

// checkGlob refuses what no name of a service can match.
func checkGlob(pattern string) error {
	fixed := 0 // characters that a name must have
	for i := range len(pattern) {
		switch c := pattern[i]; {
		case c == '*':
		case c == '?', 'a' <= c && c <= 'z', '0' <= c && c <= '9', i > 0 && (c == '.' || c == '_' || c == '-'):
			fixed++
		default:
			return errGlob
		}
	}
	if pattern == "" || fixed > maxName || len(pattern) > 2*maxName {
		return errGlob
	}
	return nil
}

// wild reports whether a glob is more than a name.
func wild(pattern string) bool {
	for i := range len(pattern) {
		if pattern[i] == '*' || pattern[i] == '?' {
			return true
		}
	}
	return false
}
