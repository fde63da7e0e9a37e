package token

import (
	"math"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/provider"
	"tokend/actors/schedule"
	"tokend/actors/vault"
	"tokend/messages"
)

// resume returns the state in which a service goes on that left rec behind, nil
// if it left nothing.
func resume(rec *vault.Record, now schedule.Instant, o *Options) *State {
	st := &State{credential: o.Credential}
	if rec == nil {
		return st
	}
	st.revision = rec.Revision // also of a record that is of no use: what comes must replace it
	if !rec.State.IsZero() {
		// Whatever else was configured anew: a refresh token that was rotated is nowhere
		// else, and the provider knows whether it is of the login that is configured.
		st.extra = &extra{previous: rec.State}
	}
	kept := Credential(rec.CredentialVersion)
	if !kept.sameConfiguration(o.Credential) {
		return st
	}
	st.credential = kept // the actor takes up another one as if it had changed just now
	st.needed, st.since = !rec.Unasked, now
	if f := rec.Failure; f != nil {
		st.failure, st.streak = f, int32(min(max(f.Attempts, 0), math.MaxInt32)) //nolint:gosec // it fits
		st.nextTry = atMost(now, f)
	}
	st.setRefused(refused{Refused: rec.Refused, limit: o.RejectedTries})
	st.unlearned(now)
	if !rec.ProbeAt.IsZero() {
		st.setProbe(now, max(rec.ProbeAt.Sub(now.Time()), 1))
	}
	st.resumeHeld(ofEarlier(rec, o), now, o)
	if st.outdated() && st.needed {
		st.forced = true
		if st.failure == nil {
			st.want = now // nobody knows what became of the attempt
		}
	}
	if st.suspect && st.failure == nil && st.needed {
		st.want = now // nor of this one
	}
	return st
}

// ofEarlier returns a record that an earlier version may have made as this one would
// have: that version took no second off a lifetime in whole seconds, and did not note
// what the server had stated. Where no setting may have ended the token, the server has.
func ofEarlier(rec *vault.Record, o *Options) *vault.Record {
	if rec.Asked > 0 || rec.ExpiresAt.IsZero() {
		return rec
	}
	again := *rec
	if life := rec.ExpiresAt.Sub(rec.CreatedAt); life >= 2*time.Second && life%time.Second == 0 {
		again.StatedEnd, again.ExpiresAt = rec.ExpiresAt, rec.ExpiresAt.Add(-time.Second)
	}
	if o.Bounds == (provider.Bounds{}) {
		again.FirmEnd = again.ExpiresAt
	}
	return &again
}

// resumeHeld takes up the token of rec, if it is to be trusted.
func (s *State) resumeHeld(rec *vault.Record, now schedule.Instant, o *Options) {
	neverLived := !rec.ExpiresAt.IsZero() && !rec.ExpiresAt.After(rec.CreatedAt)
	if rec.AccessToken.IsZero() || neverLived || rec.CreatedAt.After(now.Time()) {
		return // a token from the future: the wall clock is not to be trusted with it
	}
	acquired := Credential(rec.TokenCredential)
	if acquired != 0 && !acquired.sameConfiguration(o.Credential) {
		return // it served until another configuration would bring one, which this process begins with
	}
	s.held = heldFrom(rec, now, o)
	s.acquiredWith(acquired)
	s.invalidated, s.suspect = rec.Invalidated, rec.Suspect
	s.asked = int8(min(max(rec.Asked, 1), math.MaxInt8)) //nolint:gosec // bounded
	s.expired = s.held.at.Expiry.Reached(now)
	s.untold = s.expired && s.turning(now)
	s.warned = s.held.at.Warn.Reached(now)
	if s.held.lasts() {
		s.awaitTurn(now)
	}
	if !rec.ValidFrom.IsZero() {
		s.setFrom(onBothClocks(now, rec.ValidFrom))
	}
	s.resumePending(rec.Next, now, o)
}

func heldFrom(rec *vault.Record, now schedule.Instant, o *Options) *held {
	h := &held{
		token: messages.Token{
			Service: rec.Key.Service, Type: rec.Type, ServerType: rec.ServerType,
			Fingerprint: rec.Fingerprint, Generation: rec.Generation, Scopes: rec.Scopes, CreatedAt: rec.CreatedAt, ExpiresAt: rec.ExpiresAt,
		},
		birth: onBothClocks(now, rec.CreatedAt),
	}
	h.mark(false)
	h.keep(rec.AccessToken)
	if rec.ExpiresAt.IsZero() {
		return h
	}
	life := rec.ExpiresAt.Sub(rec.CreatedAt)
	h.roll = schedule.Roll(schedule.NewPlan(life, o.Policy, 0), rec.RefreshAt.Sub(rec.CreatedAt))
	h.schedule(life, o)
	h.repeated = rec.Repeated
	if !rec.FirmEnd.IsZero() {
		h.firm = onBothClocks(now, rec.FirmEnd)
	}
	if rec.StatedEnd.After(rec.ExpiresAt) {
		h.tail = rec.StatedEnd.Sub(rec.ExpiresAt)
	}
	return h
}

// onSaved takes up what another node has saved: a later token, and what the
// provider wants to have again, since the acquisition of that node has used up what
// is here. A flight that is under way goes on.
func (k *keeper) onSaved(c actor.Context, rec *vault.Record) {
	now, before := k.env.Clock.Now(), k.state()
	if k.slot.store() == nil || rec.Revision <= before.revision || !Credential(rec.CredentialVersion).sameConfiguration(before.credential) {
		return
	}
	st := *before
	st.revision = rec.Revision // what comes from here must replace it
	if !rec.State.IsZero() {
		st.editMore(func(e *extra) { e.previous = rec.State })
	}
	st.renew(rec, now, k.options())
	k.slot.become(&st)
	if st.held != before.held {
		k.announceNew(now, before, 0)
		k.settleWaiters(now, nil)
	}
	k.settle(c)
}

// renew takes up the token of rec, if that lives and is a later one.
func (s *State) renew(rec *vault.Record, now schedule.Instant, o *Options) {
	before, lived, next := s.held, s.living(now), *s
	next.expired = false
	next.resumeHeld(rec, now, o)
	if next.held == before || !next.living(now) || before != nil && rec.Generation <= before.token.Generation {
		return
	}
	next.slow, next.forced = false, false
	next.failure, next.streak, next.nextTry = nil, 0, schedule.Instant{}
	next.trust()
	if !lived {
		next.since = now
	}
	*s = next
}

// onBothClocks returns the Instant at which the wall clock shows t if both clocks
// run evenly from now on.
func onBothClocks(now schedule.Instant, t time.Time) schedule.Instant {
	return now.Add(t.Sub(now.Time()))
}
