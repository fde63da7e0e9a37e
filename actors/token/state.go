package token

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/actors/schedule"
	"tokend/actors/vault"
	"tokend/messages"
)

// State is all that a token actor knows about its service. It is immutable: a
// change makes a new one. The zero State is that of a service never asked for. Every
// service has one, so the order of the fields leaves no gaps between them.
type State struct {
	revision   uint64           // rises with everything that is to be kept
	credential Credential       // version of what the provider works with
	held       *held            // the last token, nil before the first
	since      schedule.Instant // since when there is, or is not, a living token

	needed      bool // eager, or asked for once
	invalidated bool // held was refused by a resource server, says a caller
	suspect     bool // held was, but serves all the same: a better one cannot be had now
	expired     bool // held has died, and that was announced; what a clock says later does not raise it
	warned      bool // the warning about held has been given
	untold      bool // held has died, which is announced unless a new one comes at once, see [State.turning]
	slow        bool // the last attempt timed out
	forced      bool // a new configuration has not brought a token yet
	byName      bool // who wants an attempt wants that very attempt, not just a token
	asked       int8 // attempts that began in held's life, the one that brought it included; what is more does not count

	streak  int32             // attempts in a row that ended as the last one did
	failure *messages.Failure // of the last attempt, nil if it succeeded
	nextTry schedule.Instant  // set while the last attempt brought no new token
	want    schedule.Instant  // when to make an attempt that somebody asked for

	flight flight
	ended  *ended // what was stated of the tokens before held; nil: nothing
	extra  *extra // what few services have; nil: nothing of it
}

// extra is the part of a State that few services have.
type extra struct {
	previous vault.Sealed // what the provider wants to have again
	pressure pressure
	overdue  []overdue
	alive    *alive // nil: the provider lives on nothing that dies of disuse; immutable
	refused  refused
	pending  *pending         // the token that waits until it is valid; nil: none does
	from     schedule.Instant // when held begins to be valid; zero: it is, as far as is known
	probe    schedule.Instant // when a lost login is to be tried by itself; zero: not
	acquired Credential       // what held was acquired with, if the provider works with another now; 0: it does not
}

// empty reports whether there is nothing of it.
func (e *extra) empty() bool {
	return e.previous.IsZero() && e.pressure == pressure{} && len(e.overdue) == 0 && e.alive == nil && e.acquired == 0 &&
		e.refused == refused{} && e.probe.IsZero() &&
		e.pending == nil && e.from.IsZero()
}

// more returns what few services have, to be read.
func (s *State) more() extra {
	if s.extra == nil {
		return extra{}
	}
	return *s.extra
}

// editMore changes what few services have, in a State that is being made.
func (s *State) editMore(edit func(*extra)) {
	e := s.more()
	edit(&e)
	if s.extra = &e; e.empty() {
		s.extra = nil
	}
}

// acquiredWith notes what the token at hand was acquired with; 0: what the provider
// works with.
func (s *State) acquiredWith(c Credential) {
	if s.more().acquired != c {
		s.editMore(func(e *extra) { e.acquired = c })
	}
}

// held is a token and its schedule: what is published, see [Slot].
type held struct {
	at       schedule.Deadlines // zero for a token without expiry, as are the next three
	minLeft  time.Duration      // life wanted by callers who ask for none
	life     time.Duration
	lead     time.Duration
	roll     float64 // that drew the jitter
	birth    schedule.Instant
	box      vault.Sealed   // of the value
	token    messages.Token // its value only where memory is plain
	degraded bool           // the last attempt to replace it failed
	repeated bool           // the IdP handed it out again
	atExpiry bool           // the service's tokens are configured to be handed out until they die
	// warnAlways: the warning is given though a new token may well come in time.
	warnAlways bool
	local      bool             // it is configured, or lies in a file
	tail       time.Duration    // from expiry to the end as the server stated it
	firm       schedule.Instant // the earliest end that the server ever stated of it; zero: none
}

// flight is the last acquisition.
type flight struct {
	number   uint64           // counted from 1
	gate     *actor.PID       // whose place it has or waits for; nil: none needed
	began    schedule.Instant // when it asked the IdP
	deadline schedule.Instant // when to stop hoping for an answer
	cancel   func()           // ends it; set while flying
	over     <-chan struct{}  // closed when its time is up, or it was ended; set while flying
	done     <-chan struct{}  // closed when it has ended; set while flying
	// superseded: its configuration no longer counts. It is waited for all the
	// same, so that there are never two at a time.
	superseded bool
	phase      phase
	probe      bool // it asks a lost login alone
	byName     bool // someone wants this very attempt
}

type phase uint8

const (
	grounded phase = iota // no acquisition under way
	queued                // waiting for a place at the gate
	flying                // asking the IdP
	stuck                 // still asking, though its time is up and it has been noted as failed
)

// pressure bounds what invalidation may cause.
type pressure struct {
	pause      time.Duration    // between acquisitions that invalidation causes
	until      schedule.Instant // end of the pause
	suspicious bool             // held was refused while suspiciously young
}

// overdue is a warning that is still to come about a token that was replaced
// before its warning point.
type overdue struct {
	at   schedule.Instant
	held *held
}

// left returns how long the token lives, and whether it has an expiry at all.
func (h *held) left(now schedule.Instant) (left time.Duration, expires bool) {
	if h.at.Expiry.IsZero() {
		return 0, false
	}
	return h.at.Expiry.Until(now), true
}

// living reports whether there is a token that may be handed out at now.
func (s *State) living(now schedule.Instant) bool {
	return s.held != nil && !s.barred() && !s.expired && !s.held.at.Expiry.Reached(now)
}

// enough reports whether there is a token that has the life left that a caller
// asked for; zero means what the service's callers usually want.
func (s *State) enough(now schedule.Instant, asked time.Duration) bool {
	return s.held != nil && !s.barred() && !s.expired && s.held.enough(now, asked)
}

// barred reports whether the token at hand is not handed out because it was refused by
// a resource server.
func (s *State) barred() bool { return s.invalidated && !s.suspect }

// degraded reports whether something is wrong with the token at hand.
func (s *State) degraded() bool { return s.failure != nil || s.suspect }

func (h *held) enough(now schedule.Instant, asked time.Duration) bool {
	left, expires := h.left(now)
	if !expires {
		return true
	}
	need := h.minLeft
	if asked > 0 {
		need = schedule.MinLeft(asked, h.life, schedule.Policy{})
	}
	return left > 0 && left >= need
}

// mark notes whether the last attempt to replace the token failed.
func (h *held) mark(degraded bool) {
	h.degraded, h.token.State = degraded, messages.StateFresh
	if degraded {
		h.token.State = messages.StateDegraded
	}
}

// keep takes the box that the value is in. A plain value stands in the token.
func (h *held) keep(box vault.Sealed) {
	h.box = box
	if box.IsPlain() {
		value, _ := box.Open() // a plain box always opens
		h.token = h.token.WithValue(value)
	}
}

// fill makes tok the token to hand out at now, when the token must be alive.
func (h *held) fill(tok *messages.Token, now schedule.Instant) error {
	h.show(tok, now)
	if h.box.IsPlain() {
		return nil
	}
	secret, err := h.box.Open()
	*tok = tok.WithValue(secret)
	return err
}

// show makes tok the token of now, with its value if that is not sealed.
func (h *held) show(tok *messages.Token, now schedule.Instant) {
	*tok = h.token
	if !h.degraded && h.at.Refresh.Reached(now) {
		tok.State = messages.StateDue
	}
	if h.at.Expiry.SetBack(now) {
		tok.ExpiresAt = h.at.Expiry.Shown(now)
	}
}

// name returns the state by the name users see.
func (s *State) name(now schedule.Instant) string {
	switch {
	case s.held == nil:
		return messages.StateEmpty
	case !s.living(now):
		return messages.StateExpired
	default:
		return s.livingName(now)
	}
}

func (s *State) livingName(now schedule.Instant) string {
	switch {
	case s.degraded():
		return messages.StateDegraded
	case s.held.at.Refresh.Reached(now):
		return messages.StateDue
	default:
		return messages.StateFresh
	}
}

// life returns the lifetime of the token at hand, zero without one.
func (s *State) life() time.Duration {
	if s.held == nil {
		return 0
	}
	return s.held.life
}

// deadlines returns those of the living token, nil if there is none.
func (s *State) deadlines(now schedule.Instant) *schedule.Deadlines {
	if !s.living(now) {
		return nil
	}
	return &s.held.at
}

// err returns what a caller is told who cannot have a token.
func (s *State) err(service string, now schedule.Instant) error {
	if f := s.lastError(now); f != nil {
		return messages.FailureError(service, *f)
	}
	return &messages.Error{Kind: messages.ErrUnavailable, Service: service}
}

// lastError returns why the last attempt failed, with its times as the wall clock
// shows them at now; nil if it did not.
func (s *State) lastError(now schedule.Instant) *messages.Failure {
	if s.failure == nil {
		return nil
	}
	f := *s.failure // whoever gets it may write to it
	if f.NextTry = s.nextTry.Shown(now); s.halted() {
		f.NextTry = time.Time{}
	}
	return &f
}

// info describes the state to users. What is not in the State stays empty.
func (s *State) info(now schedule.Instant) messages.TokenInfo {
	info := messages.TokenInfo{
		State: s.name(now), Since: s.since.Time(), Needed: s.needed, LastError: s.lastError(now),
		Suspect: s.suspect && s.living(now),
	}
	if h := s.held; h != nil {
		info.CreatedAt, info.ExpiresAt = h.birth.Time(), h.at.Expiry.Shown(now)
		info.RefreshAt, info.WarnAt = h.at.Refresh.Shown(now), h.at.Warn.Shown(now)
		info.RefreshThreshold = h.lead
		if from := s.more().from; !from.IsZero() && !from.Reached(now) {
			info.NotBefore = from.Shown(now)
		}
		info.TokenType, info.ServerTokenType = h.token.Type, h.token.ServerType
		info.Scopes = slices.Clone(h.token.Scopes)
		info.Generation, info.Fingerprint = h.token.Generation, h.token.Fingerprint
	}
	return info
}

// occurrence says when and in which state something happened to token h.
func (s *State) occurrence(service string, now schedule.Instant, h *held) messages.Occurrence {
	o := messages.Occurrence{Service: service, At: now.Time(), State: s.name(now)}
	if h != nil {
		o.Generation, o.Fingerprint = h.token.Generation, h.token.Fingerprint
		o.ExpiresAt = h.at.Expiry.Shown(now)
	}
	return o
}
