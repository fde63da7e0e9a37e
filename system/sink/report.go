package sink

import "errors"

// report tells how a step went.
func (w *worker) report(err error) {
	if errors.Is(err, errPending) {
		return // it was told
	}
	w.ledger.edit(func(s *Stat) {
		s.Failure = ""
		if err != nil {
			s.Failure = err.Error()
		}
	})
	w.complain.about(w.log, err, "the file of a sink cannot be kept up to date, which is tried again", "the file of a sink is up to date again")
}

// judge notes how the file stands, and says so if it has become stale because a token
// has died.
func (w *worker) judge(want *wanted, died bool) {
	h, now := w.file.held, w.now()
	stale := !h.there || w.foreign || h.dead(now) || want.dead
	w.ledger.edit(func(s *Stat) {
		if s.Stale != stale {
			s.Stale, s.Since = stale, now.UTC()
		}
		s.ExpiresAt = h.expires
	})
	switch {
	case !stale:
		w.said = false
	case died && !w.said && !want.turning:
		w.said = true
		remains, _ := w.file.standing()
		w.source.Stale(w.sink.spec.Service, w.sink.spec.Path, remains)
	}
}

func (w *worker) triggerHook() {
	if w.hook != nil {
		w.hook.trigger()
	}
}

func (w *worker) observeHook(err error) {
	w.ledger.edit(func(s *Stat) {
		if err != nil {
			s.HookFailures++
		} else {
			s.Hooks++
		}
	})
}
