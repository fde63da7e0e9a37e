package system

import (
	"fmt"
	"slices"
	"strings"
)

// mostNamed bounds the services that one log line names.
const mostNamed = 10

// warnOfLogins says once which services a restart may take the login of: where
// nothing is kept, a refresh token that was rotated is in memory only.
func (s *System) warnOfLogins(b, previous *build) {
	if b.storage.path != "" {
		return
	}
	var names []string
	for name, v := range b.services {
		if v.loggedIn() && !previous.service(name).loggedIn() {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	s.options.log.WithField(fieldServices, listed(names)).
		Warn("a restart loses logins whose refresh tokens rotate: set vault.path and vault.keys to keep them, see docs/vault.md")
}

// loggedIn reports whether the service, which may be nil, has a login that rotates.
func (v *service) loggedIn() bool { return v != nil && v.configured.RefreshToken != nil }

// listed returns the first names, and how many more there are.
func listed(names []string) string {
	if more := len(names) - mostNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}
