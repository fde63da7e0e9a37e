package provider

import (
	"net/url"
	"slices"
	"strings"
)

// piece is a part of what a template comes to. One that has a name is a captured value
// as the answer brought it, or holds one.
type piece struct{ text, name string }

// pieces returns what the template comes to, so that captured values can be told from
// what was written by hand and from what a function has escaped or computed.
func (t template) pieces(s *scope) ([]piece, error) {
	var all []piece
	size := 0
	for _, e := range t {
		made, err := piecesOf(e, s)
		if err != nil {
			return nil, err
		}
		for _, p := range made {
			size += len(p.text)
		}
		if size > maxMade {
			return nil, errTooMuchMade
		}
		all = append(all, made...)
	}
	return all, nil
}

func piecesOf(e expression, s *scope) ([]piece, error) {
	text, err := e.eval(s)
	if err != nil {
		return nil, err
	}
	c, isCall := e.(*call)
	if !isCall {
		name, _ := e.(captured)
		return []piece{{text, string(name)}}, nil
	}
	if !c.raw {
		return []piece{{text: text}}, nil
	}
	var given []piece
	for _, arg := range c.args {
		one, err := piecesOf(arg, s)
		if err != nil {
			return nil, err
		}
		given = append(given, one...)
	}
	if joined(given) == text { // as concat leaves what it is given
		return given, nil
	}
	held := slices.IndexFunc(given, func(p piece) bool { return p.name != "" })
	if held < 0 {
		return []piece{{text: text}}, nil
	}
	return []piece{{text, given[held].name}}, nil
}

func joined(pieces []piece) string {
	var out strings.Builder
	for _, p := range pieces {
		out.WriteString(p.text)
	}
	return out.String()
}

// shapeless says that a captured value would make something else of what it stands in.
func shapeless(key, name, holds string) error {
	return unusablef("%s: the captured value %s holds %s: use {{ .%s | url_escape }}", key, name, holds, name)
}

// checkURL sees to it that what answers brought stays a part of the path, or of the
// value in the query, that it was put into.
func checkURL(key string, pieces []piece) error {
	inQuery := false
	for _, p := range pieces {
		if p.name == "" {
			inQuery = inQuery || strings.Contains(p.text, "?")
			continue
		}
		if inQuery && strings.ContainsAny(p.text, "&#+%") {
			return shapeless(key, p.name, "&, #, + or %, which mean something else in a query")
		}
		if !inQuery && strings.ContainsAny(p.text, `?#\`) {
			return shapeless(key, p.name, `?, # or \, which end a path`)
		}
		if !headerSafe(p.text) {
			return shapeless(key, p.name, "a control character")
		}
	}
	return checkPath(key, pieces)
}

// checkPath looks at the path as it comes to, as values may become steps or escapes
// by what stands beside them.
func checkPath(key string, pieces []piece) error {
	path, _, _ := strings.Cut(joined(pieces), "?")
	lower := lowerASCII(path)
	begin := 0
	for _, p := range pieces {
		end := begin + len(p.text)
		if p.name != "" && begin < len(path) {
			if hasEscape(lower, begin, end) {
				return shapeless(key, p.name, "%2e or %2f, which some servers read as . and /")
			}
			if hasStep(path, begin, end) {
				return shapeless(key, p.name, "a step such as .. in a path")
			}
			if _, err := url.PathUnescape(path); err != nil && strings.Contains(p.text, "%") {
				return shapeless(key, p.name, "% without two hex digits after it")
			}
		}
		begin = end
	}
	return nil
}

// lowerASCII returns text with its letters A to Z in lower case and all other bytes as
// they are, so that places in both are the same.
func lowerASCII(text string) string {
	lower := []byte(text)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return string(lower)
}

// hasEscape reports whether an escaped dot, slash or backslash has a part in
// path[begin:end].
func hasEscape(path string, begin, end int) bool {
	for _, escape := range []string{"%2e", "%2f", "%5c"} {
		for from := max(0, begin-len(escape)+1); from < end && from < len(path); from++ {
			if strings.HasPrefix(path[from:], escape) {
				return true
			}
		}
	}
	return false
}

// hasStep reports whether a segment that is . or .. has a part in path[begin:end].
func hasStep(path string, begin, end int) bool {
	from := strings.LastIndexByte(path[:begin], '/') + 1
	for segment := range strings.SplitSeq(path[from:], "/") {
		if from >= end {
			return false
		}
		if segment == "." || segment == ".." {
			return true
		}
		from += len(segment) + 1
	}
	return false
}

// checkCookie sees to it that what answers brought stays one value of a Cookie header.
func checkCookie(key string, pieces []piece) error {
	for _, p := range pieces {
		if p.name != "" && (strings.ContainsAny(p.text, ";,") || !headerSafe(p.text)) {
			return shapeless(key, p.name, "; or , or a control character, which end a cookie")
		}
	}
	return nil
}
