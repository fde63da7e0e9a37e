package system

import (
	"slices"

	"tokend/actors/provider"
	"tokend/actors/vault"
	"tokend/config"
	"tokend/messages"
)

// shared returns the services of b, which may be nil, that are configured to live on
// one login, in groups.
func (b *build) shared() [][]string {
	if b == nil {
		return nil
	}
	return b.sharing
}

// isShared reports whether both services are in one of the groups.
func isShared(groups [][]string, one, other string) bool {
	return slices.ContainsFunc(groups, func(names []string) bool {
		return slices.Contains(names, one) && slices.Contains(names, other)
	})
}

const textShared = "services live on one refresh token: when the server replaces it, all but one of them are stopped; give each a login of its own"

// warnOfShared says once which services live on one login.
func (s *System) warnOfShared(b, previous *build) {
	before := previous.shared()
	for _, names := range b.shared() {
		if !slices.ContainsFunc(before, func(known []string) bool { return slices.Equal(known, names) }) {
			s.options.log.WithField(fieldServices, listed(names)).Warn(textShared)
		}
	}
}

// onLoginShared says that two services live on one login, unless their configuration
// has told so already.
func (s *System) onLoginShared(service, other string) {
	if !isShared(s.services.Load().shared(), service, other) {
		s.options.log.WithField(fieldServices, listed([]string{other, service})).Warn(textShared)
	}
}

// recallLogins takes up what those services live on that share a login, as an earlier
// process has left it: one may have used up what another one would send. Those that
// shared it in previous are known.
func (s *System) recallLogins(b, previous *build) {
	before := previous.shared()
	for _, names := range b.shared() {
		for _, name := range names {
			if !isShared(before, name, name) {
				s.recallLogin(name, b.services[name].configured.RefreshToken)
			}
		}
	}
}

func (s *System) recallLogin(name string, r *config.RefreshToken) {
	first, err := text(r.RefreshToken)
	if err != nil {
		return // each acquisition tells of it
	}
	var left provider.State
	if store := s.store.Load(); store != nil {
		if rec, err := store.Load(vault.Key{Service: name}); err == nil && rec != nil {
			if kept, err := rec.State.Open(); err == nil && !kept.IsZero() {
				left = provider.NewState([]byte(kept.Reveal()))
			}
		}
	}
	where := provider.Grant{ClientID: r.ClientID, TokenURL: r.TokenURL, Issuer: r.Issuer}
	s.logins.Recall(name, &where, first, left)
}

// onLoginSpent has a service find out that another one has used up its refresh token. A
// service that was not needed yet finds out when it is.
func (s *System) onLoginSpent(service, by string) {
	s.options.log.WithField(fieldService, service).WithField("by", by).
		Error("another service lives on the same refresh token and has used it up: this one is stopped; give each a login of its own")
	if slot := s.directory.Lookup(service); slot != nil && slot.Info().Needed {
		s.actors.Root.Send(slot.PID(), &messages.RefreshToken{Service: service})
	}
}
