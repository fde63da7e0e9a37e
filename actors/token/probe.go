package token

import (
	"time"

	"tokend/actors/schedule"
	"tokend/messages"
)

// A login that was found to be lost may work again, while a fallback serves in its
// place. It is tried now and then by itself, as often as the provider says: such a
// probe asks the login alone, costs the fallback nothing, and is no failure of the
// service whatever it comes to.

// probeAgain is after how long a probe is repeated that has found nothing out.
const probeAgain = 5 * time.Minute

// setProbe notes after how long the next probe is due; 0: none is.
func (s *State) setProbe(now schedule.Instant, after time.Duration) {
	var at schedule.Instant
	if after > 0 {
		at = now.Add(after)
	}
	if s.more().probe != at {
		s.editMore(func(e *extra) { e.probe = at })
	}
}

// probes reports whether an attempt that is due at now is a probe and nothing else.
func (s *State) probes(now schedule.Instant) bool {
	return s.more().probe.Reached(now) && !s.want.Reached(now) && !s.scheduled(now).Reached(now)
}

// probed takes up a probe that did not bring a token. Who wants another attempt, or a
// token where none lives, waits for the next one.
func (k *keeper) probed(now schedule.Instant, l *landing) {
	after := l.probe
	if after == 0 && l.err.Class != messages.ClassRejected {
		after = probeAgain
	}
	st := k.change(func(s *State) {
		s.touchDown(l)
		s.setProbe(now, after)
	})
	k.slot.failed(l.err.Class, l.took)
	if st.want.IsZero() && (st.living(now) || st.backoff(now)) {
		k.settleWaiters(now, st.err(k.slot.name, now))
	}
}
