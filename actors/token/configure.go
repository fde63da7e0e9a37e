package token

import (
	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/schedule"
	"tokend/actors/vault"
)

func (k *keeper) onReconfigured(c actor.Context) {
	k.takeUpOptions(c)
	k.settle(c)
}

// takeUpOptions brings the state in line with the options, whatever of them has
// changed since the last time.
func (k *keeper) takeUpOptions(c actor.Context) {
	now, o := k.env.Clock.Now(), k.options()
	if o.Credential != k.state().credential {
		k.abort(c)
		k.change(func(s *State) { s.startOver(now, o.Credential) })
	}
	if h := k.state().held; h != nil && h.life > 0 {
		again := h.planned(o)
		if again.at != h.at || again.minLeft != h.minLeft || again.warnAlways != h.warnAlways {
			k.change(func(s *State) {
				if s.nextTry == h.at.Refresh { // put off until then, not for a failure's sake
					s.nextTry = again.at.Refresh
				}
				s.held = &again
				if h.atExpiry != again.atExpiry {
					s.awaitTurn(now)
				}
			})
		}
	}
	if r := k.state().more().refused; r.Tries > 0 && r.limit != o.RejectedTries {
		r.limit = o.RejectedTries
		k.change(func(s *State) { s.setRefused(r) })
	}
	k.takeUpKeepAlive(now, o)
	if o.Eager && !k.state().needed {
		k.change(func(s *State) { s.needed, s.since = true, now })
	}
}

// planned returns the token with its schedule by those options.
func (h *held) planned(o *Options) held {
	again := *h
	if h.life > 0 {
		again.schedule(h.life, o)
		again.dieAt(h.at.Expiry) // whatever the clocks did meanwhile
	}
	return again
}

// startOver forgets what belongs to the old configuration of the provider, but
// not the token, which serves until the new one has brought its first, nor what
// the provider wants to have again, which nobody else has.
func (s *State) startOver(now schedule.Instant, credential Credential) {
	if s.held != nil && s.more().acquired == 0 {
		s.acquiredWith(s.credential)
	}
	if p := s.successor(); p != nil && p.acquired == 0 {
		old := *p
		old.acquired = s.credential
		s.setPending(&old)
	}
	s.credential = credential
	s.failure, s.streak, s.nextTry, s.slow = nil, 0, schedule.Instant{}, false
	s.trust()
	s.setProbe(now, 0) // the login is tried at once, or never
	if s.extra != nil {
		s.editMore(func(e *extra) { e.pressure = pressure{} })
	}
	if s.needed {
		s.force(now)
	}
}

// force has what the provider works with now tried at once.
func (s *State) force(now schedule.Instant) { s.forced, s.want = true, now }

func recordKey(service string) vault.Key { return vault.Key{Service: service} }

// keptAs reports whether nothing of what is to be kept differs from another state.
func (s *State) keptAs(o *State) bool {
	return s.held == o.held && s.failure == o.failure && s.extra == o.extra && s.credential == o.credential &&
		s.needed == o.needed && s.invalidated == o.invalidated && s.suspect == o.suspect && s.flight.number == o.flight.number
}

// record returns what is to be kept of the state.
func (s *State) record(service string) *vault.Record {
	rec := &vault.Record{
		Version: vault.RecordVersion, Key: recordKey(service), Revision: s.revision,
		CredentialVersion: uint64(s.credential), State: s.more().previous, Failure: s.failure, Flight: s.flight.number,
		Refused: s.more().refused.Refused, ProbeAt: s.more().probe.Time(),
		Unasked: !s.needed,
	}
	if s.held == nil {
		return rec
	}
	s.held.fillIn(rec)
	rec.Invalidated, rec.Suspect, rec.Asked = s.invalidated, s.suspect, int(s.asked)
	rec.TokenCredential, rec.ValidFrom = uint64(s.more().acquired), s.more().from.Time()
	rec.Next = s.successor().record(service)
	return rec
}

// fillIn writes a token into its record.
func (h *held) fillIn(rec *vault.Record) {
	rec.Generation, rec.AccessToken = h.token.Generation, h.box
	rec.Type, rec.ServerType = h.token.Type, h.token.ServerType
	rec.Scopes, rec.Fingerprint = h.token.Scopes, h.token.Fingerprint
	rec.CreatedAt, rec.ExpiresAt = h.birth.Time(), h.at.Expiry.Time()
	rec.RefreshAt, rec.WarnAt = h.at.Refresh.Time(), h.at.Warn.Time()
	rec.Repeated, rec.FirmEnd = h.repeated, h.firm.Time()
	if h.tail > 0 {
		rec.StatedEnd = h.at.Expiry.Add(h.tail).Time()
	}
}
