package provider

import (
	"slices"
	"strings"
)

// Missing returns those of the scopes that are asked for which are not among the
// granted ones, as they were asked for and each once; nil if none is. Neither their
// order matters, nor that more was granted (RFC 6749, sections 3.3 and 5.1), nor how
// servers spell them: separated by commas, or in full for what was asked for in short.
func Missing(asked, granted []string) []string {
	have := map[string]bool{}
	for _, scope := range scopesIn(granted) {
		have[shortScope(scope)] = true
	}
	var missing []string
	for _, scope := range scopesIn(asked) {
		if name := shortScope(scope); !have[name] && !isUntold(name) && !slices.Contains(missing, scope) {
			missing = append(missing, scope)
		}
	}
	return missing
}

// scopesIn returns the scopes of a list whose entries may hold several.
func scopesIn(list []string) []string {
	return strings.FieldsFunc(strings.Join(list, " "), func(r rune) bool { return r == ' ' || r == ',' })
}

// shortScope returns the short name of a scope, without the API that it belongs to: of
// an absolute URI the last part of the path.
func shortScope(scope string) string {
	_, path, absolute := strings.Cut(scope, "://")
	if !absolute {
		return scope
	}
	path = strings.TrimRight(path, "/")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// isUntold reports whether a scope is one that servers do not name when they have
// granted it: those of OpenID Connect, and the one that stands for all that is
// configured.
func isUntold(scope string) bool {
	switch scope {
	case "openid", "profile", "email", "offline_access", ".default":
		return true
	default:
		return strings.HasSuffix(scope, "/.default")
	}
}
