package system

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mostNamed bounds the services that one log line names.
const mostNamed = 10

// warnOfLogins says once which services a restart may take the login of: where
// nothing is kept, a refresh token that was rotated is in memory only.
func (s *System) warnOfLogins(b *build) {
	if b.storage.path != "" {
		return
	}
	names := slices.Sorted(maps.Keys(b.services))
	names = slices.DeleteFunc(names, func(name string) bool { return b.services[name].configured.RefreshToken == nil })
	if len(names) == 0 {
		return
	}
	s.options.log.WithField(fieldServices, listed(names)).
		Warn("a restart loses logins whose refresh tokens rotate: set vault.path and vault.keys to keep them, see docs/vault.md")
}

// listed returns the first names, and how many more there are.
func listed(names []string) string {
	if more := len(names) - mostNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}
