package token

import (
	"tokend/actors/schedule"
	"tokend/actors/vault"
)

// alive is about what the provider lives on and what dies of disuse, such as the
// refresh token of a login.
type alive struct {
	last schedule.Instant // when it was used last, as far as is known
	at   schedule.Instant // when it must be used again; zero: keep-alive is switched off
	roll float64          // that drew the jitter, once for all times
}

// beAlive makes the state keep what was used last at last from dying of disuse,
// if o wants that.
func (s *State) beAlive(last schedule.Instant, o *Options, roll float64) {
	a := &alive{last: last, at: schedule.KeepAlive(last, o.KeepAlive, roll), roll: roll}
	s.editMore(func(e *extra) { e.alive = a })
}

// used notes that an acquisition that began at that moment went well.
func (s *State) used(began schedule.Instant, o *Options) {
	if a := s.more().alive; a != nil {
		s.beAlive(began, o, a.roll)
	}
}

// keepAlive returns when an attempt is due lest something die of disuse, zero if
// none is. After one that failed the back-off says when the next is.
func (s *State) keepAlive(now schedule.Instant) schedule.Instant {
	a := s.more().alive
	if a == nil || s.failure != nil && a.at.Reached(s.tried(now)) {
		return schedule.Instant{}
	}
	if a.at.IsZero() {
		return a.at
	}
	return s.spaced(now, a.at, minSpacing)
}

// tried returns when the attempt began that has failed, or ended if that was in an
// earlier process.
func (s *State) tried(now schedule.Instant) schedule.Instant {
	if s.flight.began.IsZero() {
		return onBothClocks(now, s.failure.At)
	}
	return s.flight.began
}

// mustUse reports whether an attempt at now would not be for the token's sake
// alone, but also to keep something alive.
func (s *State) mustUse(now schedule.Instant) bool {
	a := s.more().alive
	return a != nil && a.at.Reached(now)
}

// lastUse returns when a service was used last that left rec behind: its birth at
// the latest, for nobody knows better.
func lastUse(rec *vault.Record, now schedule.Instant) schedule.Instant {
	if rec == nil || rec.CreatedAt.IsZero() {
		return now
	}
	return schedule.Earliest(now, now, onBothClocks(now, rec.CreatedAt))
}

// takeUpKeepAlive brings the state in line with what the options say about it.
func (k *keeper) takeUpKeepAlive(now schedule.Instant, o *Options) {
	switch a := k.state().more().alive; {
	case a != nil && a.at != schedule.KeepAlive(a.last, o.KeepAlive, a.roll):
		k.change(func(s *State) { s.beAlive(a.last, o, a.roll) })
	case a == nil && o.KeepAlive > 0:
		last := now
		if h := k.state().held; h != nil {
			last = h.birth
		}
		roll := k.env.Roll()
		k.change(func(s *State) { s.beAlive(last, o, roll) })
	}
}
