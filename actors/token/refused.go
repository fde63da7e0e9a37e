package token

import (
	"time"

	"github.com/sirupsen/logrus"

	"tokend/actors/provider"
	"tokend/actors/schedule"
	"tokend/actors/vault"
	"tokend/messages"
)

// refused is what is known about credentials that no attempt has worked with since
// they were refused. It is kept over a restart: no process may add an attempt.
type refused struct {
	vault.Refused

	limit int // of Tries; 0: there is none
}

// halted reports whether no attempt comes by itself any more.
func (r refused) halted() bool { return r.Over || r.limit > 0 && r.Tries >= r.limit }

// halted reports whether nothing but another configuration, another secret or a
// RefreshToken causes an attempt.
func (s *State) halted() bool { return s.failure != nil && s.more().refused.halted() }

// setRefused notes what is known about the credentials, in a State that is being made.
func (s *State) setRefused(r refused) {
	if s.more().refused != r {
		s.editMore(func(e *extra) { e.refused = r })
	}
}

// trust forgets that the credentials were refused: they work, or are others now.
func (s *State) trust() { s.setRefused(refused{}) }

// weigh returns the class that a failure counts as, and notes what it says about the
// credentials. An answer that is a refusal only if it comes again is one from the
// second time on, until an attempt works.
func (s *State) weigh(now schedule.Instant, err *provider.Error, o *Options) (class string) {
	class = err.Class
	r := s.more().refused
	if err.Again {
		if r.Doubted {
			class = messages.ClassRejected
		}
		r.Doubted = true
	}
	if class == messages.ClassRejected {
		if r.Tries == 0 || !s.oneOfABurst(now) {
			r.Tries++
		}
		r.Person, r.limit = err.Person, o.RejectedTries
	}
	r.Waits, r.Over = err.Wait > 0, err.Wait < 0
	s.setRefused(r)
	return class
}

// burst is the time within which refusals count as one: the pause between them was not
// waited for.
const burst = 10 * time.Second

// oneOfABurst reports whether the attempt before was refused a moment ago.
func (s *State) oneOfABurst(now schedule.Instant) bool {
	return s.failure != nil && s.failure.Class == messages.ClassRejected && now.Time().Sub(s.failure.At).Abs() < burst
}

// personal reports whether each attempt sends a person's credentials.
func (o *Options) personal() bool {
	p, ok := o.Provider.(provider.Personal)
	return ok && p.Personal()
}

// begin notes that an attempt with a person's credentials is made. If the process ends
// before its outcome is known, the next one knows that there was one.
func (s *State) begin(now schedule.Instant) {
	r := s.more().refused
	r.Begun, r.BegunAt = r.Begun+1, now.Time().UnixMilli()
	s.setRefused(r)
}

// end notes that the outcome of what has begun is known.
func (s *State) end() {
	if r := s.more().refused; r.Begun > 0 {
		r.Begun, r.BegunAt = 0, 0
		s.setRefused(r)
	}
}

// unlearned holds back a person's credentials that earlier processes have sent again and
// again, or after a refusal, without learning the answer.
func (s *State) unlearned(now schedule.Instant) {
	r := s.more().refused
	n := r.Begun - 1
	if r.Tries > 0 {
		n = r.Tries + r.Begun
	}
	if r.Begun == 0 || n < 1 {
		return
	}
	began := time.UnixMilli(r.BegunAt)
	pause := schedule.Pause(schedule.Outcome{Class: messages.ClassRejected, Person: true, Streak: n}, 0)
	at := schedule.Earliest(now, onBothClocks(now, began.Add(pause)), now.Add(pause))
	if s.failure == nil {
		s.streak, s.failure = 1, &messages.Failure{
			Class: messages.ClassTransient, Text: textUnlearned, At: began.UTC(), Attempts: r.Begun, NextTry: at.Time(),
		}
		s.nextTry = at
	}
	s.nextTry = schedule.Latest(now, s.nextTry, at)
	r.Waits = true
	s.setRefused(r)
}

const textUnlearned = "the process has ended again and again before the login was answered"

// outcome describes the failure of an attempt, which is weighed already.
func (s *State) outcome(class string, err *provider.Error) schedule.Outcome {
	r := s.more().refused
	o := schedule.Outcome{
		Class: class, Streak: int(s.streak), Person: r.Person, RetryAfter: err.RetryAfter, Page: err.Page, Wait: max(err.Wait, 0),
		// What was refused may be refused again, though no answer told: an attempt whose
		// answer got lost counts with whoever locks accounts.
		Sparing: err.Sparing || r.Person && r.Tries > 0,
	}
	if class == messages.ClassRejected {
		o.Streak = r.Tries
	}
	return o
}

// atMost ends a pause that a clock which was set back has made longer than it was
// when it began.
func atMost(now schedule.Instant, f *messages.Failure) schedule.Instant {
	next := onBothClocks(now, f.NextTry)
	if pause := f.NextTry.Sub(f.At); pause > 0 {
		return schedule.Earliest(now, next, now.Add(pause))
	}
	return next
}

// firm reports whether the pause under way counts whatever becomes of the token.
func (s *State) firm() bool {
	r := s.more().refused
	return s.failure != nil && (r.Waits || r.Person && r.Tries > 0)
}

// tellPatience warns once of an IdP that asks to be left alone for longer than is
// honoured.
func (k *keeper) tellPatience(err *provider.Error) {
	honoured, capped := schedule.Honoured(err.RetryAfter, err.Page)
	if err.Class != messages.ClassThrottled || !capped || !k.slot.first("retry-after") {
		return
	}
	k.env.Log.WithFields(logrus.Fields{
		"service": k.slot.name, "asked": err.RetryAfter.Round(time.Second).String(), "waits": honoured.String(),
	}).Warn("the server asks to be left alone for longer than is honoured")
}
