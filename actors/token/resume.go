package token

import (
	"time"

	"tokend/actors/schedule"
	"tokend/actors/vault"
	"tokend/messages"
)

// resume returns the state in which a service goes on that left rec behind, nil
// if it left nothing.
func resume(rec *vault.Record, now schedule.Instant, o *Options) *State {
	st := &State{credential: o.Credential}
	if rec == nil || rec.CredentialVersion != o.Credential {
		return st
	}
	st.revision = rec.Revision
	st.needed, st.since = true, now
	if !rec.State.IsZero() {
		st.extra = &extra{previous: rec.State}
	}
	if f := rec.Failure; f != nil {
		st.failure, st.streak = f, f.Attempts
		st.nextTry = onBothClocks(now, f.NextTry)
	}
	if rec.AccessToken.IsZero() || rec.CreatedAt.After(now.Time()) {
		return st // a token from the future: the wall clock is not to be trusted with it
	}
	st.held = heldFrom(rec, now, o)
	st.expired = !st.living(now)
	st.warned = st.held.at.Warn.Reached(now)
	return st
}

func heldFrom(rec *vault.Record, now schedule.Instant, o *Options) *held {
	h := &held{
		token: messages.Token{
			Service: rec.Key.Service, Type: rec.Type, Fingerprint: rec.Fingerprint, Generation: rec.Generation,
			Scopes: rec.Scopes, CreatedAt: rec.CreatedAt, ExpiresAt: rec.ExpiresAt,
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
	return h
}

// onBothClocks returns the Instant at which the wall clock shows t if both clocks
// run evenly from now on.
func onBothClocks(now schedule.Instant, t time.Time) schedule.Instant {
	return now.Add(t.Sub(now.Time()))
}
