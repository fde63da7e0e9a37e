package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"time"
)

// parseQuery returns the parameters of a query that may hold those in known, each
// once at most. Values are never repeated in an error: somebody may have put a
// secret there.
func parseQuery(raw string, known ...string) (map[string]string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, problem(CodeInvalidRequest, "the query cannot be parsed")
	}
	single := make(map[string]string, len(values))
	for name, all := range values {
		switch {
		case !slices.Contains(known, name):
			return nil, problem(CodeInvalidRequest, "unknown query parameter "+quoted(name))
		case len(all) > 1:
			return nil, problem(CodeInvalidRequest, "query parameter "+name+" is given twice")
		}
		single[name] = all[0]
	}
	return single, nil
}

// parseNames returns the values of the only parameter that a query may hold, which
// may be repeated.
func parseNames(raw, known string) ([]string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, problem(CodeInvalidRequest, "the query cannot be parsed")
	}
	for name := range values {
		if name != known {
			return nil, problem(CodeInvalidRequest, "unknown query parameter "+quoted(name))
		}
	}
	return values[known], nil
}

// parseDuration reads a duration that is not negative.
func parseDuration(name, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, problem(CodeInvalidRequest, name+" must be a duration such as 30s or 5m, not negative")
	}
	return d, nil
}

// quoted shows a name that a caller chose, bounded and without control characters.
func quoted(name string) string { return fmt.Sprintf("%.64q", name) }
