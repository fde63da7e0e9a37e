package token

import (
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"tokend/actors/provider"
	"tokend/actors/schedule"
	"tokend/messages"
)

// missing returns which of the scopes that are asked for were not granted; nil if all
// were, or if it is unknown what was granted.
func (o *Options) missing(granted []string) []string {
	p, ok := o.Provider.(provider.Scoped)
	if !ok || granted == nil {
		return nil
	}
	return provider.Missing(p.Asked(), granted)
}

// tellScopes warns when less was granted than was asked for, and not already with
// the token before.
func (k *keeper) tellScopes(before *State, h *held) {
	o := k.options()
	missing := o.missing(h.token.Scopes)
	if len(missing) == 0 {
		return
	}
	if before.held != nil && !before.forced && slices.Equal(missing, o.missing(before.held.token.Scopes)) {
		return
	}
	k.env.Log.WithField("service", k.slot.name).WithField("scopes_missing", strings.Join(missing, " ")).
		Warn("fewer scopes were granted than asked for")
}

// tellLoss publishes that a login was lost, whatever else the attempt came to.
func (k *keeper) tellLoss(now schedule.Instant, l *landing) {
	if l.lost == "" {
		return
	}
	st := k.state()
	f := messages.Failure{
		Class: messages.ClassRejected, Text: l.lost, At: now.Time(), Attempts: 1, NextTry: st.attempt(now).Shown(now),
	}
	if last := st.failure; last != nil {
		f.Attempts = last.Attempts
	}
	k.publish(&messages.LoginLost{Occurrence: st.occurrence(k.slot.name, now, st.held), Failure: f})
}

// maxNotes bounds the notes that are remembered of one service.
const maxNotes = 32

// first reports whether a note of that key is to be logged: it was not before.
func (s *Slot) first(key string) bool {
	t := s.rare()
	if t.noted[key] || len(t.noted) >= maxNotes {
		return false
	}
	if t.noted == nil {
		t.noted = map[string]bool{}
	}
	t.noted[key] = true
	return true
}

// tellNotes logs what an answer is to be known for, each thing once: it will say the
// same next time.
func (k *keeper) tellNotes(l *landing) {
	for _, note := range l.notes {
		if !k.slot.first(note.Key) {
			continue
		}
		k.env.Log.WithFields(logrus.Fields{"service": k.slot.name, "note": note.Text}).
			Warn(textNote)
	}
}

const textNote = "the answer works, but something about it is wrong"
