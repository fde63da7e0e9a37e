package token

import (
	"tokend/actors/schedule"
	"tokend/messages"
)

// A caller says that a token was refused. That may be true of one resource server and
// not of others, and the caller may be wrong: where no better token can be had the one
// at hand serves on while it lives, and its info says that it is suspect.

// giveUp hands the token at hand out no more, unless attempts to replace it fail.
func (k *keeper) giveUp(now schedule.Instant) {
	st := k.change(func(s *State) {
		s.invalidated = true
		if s.failure != nil {
			s.suspectHeld(s.failure.Class)
		}
		if !s.living(now) {
			s.since = now
		}
	})
	if !st.living(now) {
		k.publish(&messages.TokenInvalidated{Occurrence: st.occurrence(k.slot.name, now, st.held)})
	}
}

// suspectHeld has the token at hand serve on though a caller reported it as refused: it
// may be good for others, and no attempt brings a better one but for a reason of that
// class. Where the credentials are refused, too, nothing speaks for it.
func (s *State) suspectHeld(class string) {
	if class != messages.ClassRejected {
		s.invalidated, s.suspect = true, true
	}
}

// hasten has a suspect token tried to replace soon, where that was put off until its
// refresh point.
func (s *State) hasten(now schedule.Instant, roll float64) {
	if s.suspect && s.nextTry == s.held.at.Refresh {
		s.postpone(now, schedule.Outcome{Class: s.failure.Class, Streak: int(s.streak)}, roll)
	}
}

// doubt decides after an attempt failed what becomes of a token that was refused.
func (s *State) doubt(now schedule.Instant, class string) {
	if !s.invalidated {
		return
	}
	lived := s.living(now)
	s.suspect = class != messages.ClassRejected
	if s.living(now) != lived {
		s.since = now
	}
}
