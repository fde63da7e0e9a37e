package token

import (
	"time"

	"github.com/sirupsen/logrus"

	"tokend/actors/schedule"
	"tokend/actors/vault"
)

// A token may come before it is valid, by the clock of an IdP that is ahead of others
// (nbf, RFC 7519, section 4.1.5). While an old token lives that stays the token in
// every respect, and the new one waits.

// pending is a token that waits until it is valid. It is immutable.
type pending struct {
	held     *held
	from     schedule.Instant // when it begins to be valid
	at       schedule.Instant // when it is adopted, should the old one live so long
	acquired Credential       // what it was acquired with, if the provider works with another now; 0: it does not
	took     time.Duration
}

// setPending has p wait; nil: none does.
func (s *State) setPending(p *pending) {
	if s.more().pending != p {
		s.editMore(func(e *extra) { e.pending = p })
	}
}

// setFrom notes when the token at hand begins to be valid; zero: it is.
func (s *State) setFrom(from schedule.Instant) {
	if s.more().from != from {
		s.editMore(func(e *extra) { e.from = from })
	}
}

// successor returns the token that waits, nil if none does.
func (s *State) successor() *pending {
	if s.extra == nil {
		return nil
	}
	return s.extra.pending
}

// succeeded reports whether there is no use in acquiring: a token of what the provider
// works with waits.
func (s *State) succeeded() bool { return s.successor() != nil && !s.forced }

// outdated reports whether what the provider works with now has not brought a token yet.
func (s *State) outdated() bool {
	p := s.successor()
	return s.more().acquired != 0 && (p == nil || p.acquired != 0)
}

// mayAwait reports whether token h, which landed, has time: another one lives that
// no one reported as refused.
func (s *State) mayAwait(now schedule.Instant, h *held) bool {
	return s.living(now) && !s.invalidated && s.held.token.Fingerprint != h.token.Fingerprint
}

// await keeps token h until it is valid. Nothing is acquired meanwhile.
func (k *keeper) await(now schedule.Instant, h *held, from schedule.Instant, l *landing) {
	k.change(func(s *State) {
		s.succeed(now, l, k.options())
		s.setPending(&pending{held: h, from: from, at: schedule.Adopt(now, from, h.at.Refresh), took: l.took})
	})
	k.slot.succeeded(l.took)
	k.settleWaiters(now, nil)
}

// mature adopts the token that waits, if its time has come or there is no other.
func (k *keeper) mature(now schedule.Instant) {
	before := k.state()
	p := before.successor()
	switch {
	case p == nil || before.living(now) && !before.invalidated && !p.at.Reached(now):
	case p.held.at.Expiry.Reached(now):
		k.change(func(s *State) { s.setPending(nil) })
	default:
		h := p.held.planned(k.options())
		h.number(before.held)
		k.change(func(s *State) {
			if s.acquiredWith(p.acquired); p.acquired == 0 {
				s.recover()
			}
			s.hand(now, &h, p.from, k.options())
		})
		k.tellNew(now, before, p.took)
	}
}

// tellEarly warns of a token that is handed out before it is valid by its own word.
func (k *keeper) tellEarly(now schedule.Instant) {
	from := k.state().more().from
	if from.IsZero() || from.Until(now) < time.Second || !k.slot.first("not before") {
		return
	}
	k.env.Log.WithFields(logrus.Fields{
		"service": k.slot.name,
		"note":    "the token says that it is not valid for another " + from.Until(now).Round(time.Second).String() + " (nbf): check clocks",
	}).Warn(textNote)
}

// record returns the record of the token that waits, nil if none does.
func (p *pending) record(service string) *vault.Record {
	if p == nil {
		return nil
	}
	rec := &vault.Record{Version: vault.RecordVersion, Key: recordKey(service)}
	p.held.fillIn(rec)
	rec.TokenCredential, rec.ValidFrom, rec.AdoptAt = uint64(p.acquired), p.from.Time(), p.at.Time()
	return rec
}

// resumePending takes up the token that waited, if it is of any use.
func (s *State) resumePending(rec *vault.Record, now schedule.Instant, o *Options) {
	if s.setPending(nil); rec == nil || rec.AccessToken.IsZero() || rec.CreatedAt.After(now.Time()) {
		return
	}
	acquired := Credential(rec.TokenCredential)
	if acquired != 0 && !acquired.sameConfiguration(o.Credential) {
		return
	}
	h, from := heldFrom(rec, now, o), onBothClocks(now, rec.ValidFrom)
	if h.at.Expiry.Reached(now) {
		return
	}
	at := schedule.Earliest(now, onBothClocks(now, rec.AdoptAt), schedule.Adopt(now, from, h.at.Refresh)) // no clock makes it later
	s.setPending(&pending{held: h, from: from, at: at, acquired: acquired})
}
