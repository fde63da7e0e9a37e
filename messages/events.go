package messages

import "time"

// Event is something that happened to a service: one of [TokenAcquired],
// [TokenRefreshed], [TokenExpiring], [TokenExpired], [RefreshFailed], [LoginLost],
// [TokenInvalidated], [ActorRestarted], [SinkStale] and [ServiceRemoved], always as
// a pointer. Events are immutable and hold no secret.
type Event interface {
	// Name returns the event's name in snake_case, such as "token_refreshed".
	Name() string
	// About returns what every event has.
	About() Occurrence
}

// Occurrence is what every event has. The token it speaks of is the one the
// service has after the event; with [TokenExpired], [TokenInvalidated] and
// [ServiceRemoved] the one it has lost, and with [TokenExpiring] the one that is
// about to die.
type Occurrence struct {
	Service     string
	At          time.Time // when it happened, in UTC
	State       string    // the service's state after it
	Generation  uint64    // 0 without a token
	Fingerprint string    // empty without a token
	ExpiresAt   time.Time // zero without a token, and for one without expiry
}

// About returns o.
func (o Occurrence) About() Occurrence { return o }

// Entry is an event with its place among all events of a system.
type Entry struct {
	ID    uint64 // rises from entry to entry, and over restarts of the process
	Event Event  // nil: events up to here were lost, because somebody could not keep up with them
}

// TokenAcquired: the service had no valid token and got one.
type TokenAcquired struct {
	Occurrence
	Took time.Duration // how long the acquisition took
}

// TokenRefreshed: the service's valid token was replaced by a newer one.
type TokenRefreshed struct {
	Occurrence
	Took time.Duration // how long the acquisition took
}

// TokenExpiring is the warning: the token is past its warning point. Unless the
// service has warn_always, that means that it has not been replaced in time:
// refresh is late or failing. LastError says why, if an attempt failed.
type TokenExpiring struct {
	Occurrence
	LastError *Failure
}

// TokenExpired: the token died before a new one came. LastError says why, if an
// attempt failed.
type TokenExpired struct {
	Occurrence
	LastError *Failure
}

// RefreshFailed: an attempt to acquire a token failed, the first one or a later.
type RefreshFailed struct {
	Occurrence
	Failure Failure
	Took    time.Duration // how long the attempt took
}

// LoginLost: what came of the login that the service lives on is refused for good,
// and a person must log in anew. Failure says why and what to do; its class is
// [ClassRejected]. It comes once in a loss, however often that is tried again, and
// beside what the attempt itself comes to: where a fallback is configured, the
// service may well have got a token.
type LoginLost struct {
	Occurrence
	Failure Failure
}

// TokenInvalidated: a caller reported the token as refused; it is no longer
// handed out.
type TokenInvalidated struct{ Occurrence }

// ActorRestarted: the service's actor crashed, or was stopped by somebody else,
// and was started again. Its token, schedule and back-off are as before.
type ActorRestarted struct {
	Occurrence
	Restarts int           // in a row: a minute without a crash starts the count anew
	Pause    time.Duration // how long the service's mailbox was closed
	Reason   string        // type of the panic's value; its text only for a runtime error
}

// SinkStale: a token in a file that is kept of the service, or of several, has died
// before a new one could be written. Remains tells whether the file is still there:
// by choice, because it cannot be removed, or because somebody else has put it there.
type SinkStale struct {
	Occurrence
	Path    string
	Remains bool
}

// ServiceRemoved: the service is no longer configured.
type ServiceRemoved struct{ Occurrence }

// Name returns "token_acquired".
func (*TokenAcquired) Name() string { return "token_acquired" }

// Name returns "token_refreshed".
func (*TokenRefreshed) Name() string { return "token_refreshed" }

// Name returns "token_expiring".
func (*TokenExpiring) Name() string { return "token_expiring" }

// Name returns "token_expired".
func (*TokenExpired) Name() string { return "token_expired" }

// Name returns "refresh_failed".
func (*RefreshFailed) Name() string { return "refresh_failed" }

// Name returns "login_lost".
func (*LoginLost) Name() string { return "login_lost" }

// Name returns "token_invalidated".
func (*TokenInvalidated) Name() string { return "token_invalidated" }

// Name returns "actor_restarted".
func (*ActorRestarted) Name() string { return "actor_restarted" }

// Name returns "sink_stale".
func (*SinkStale) Name() string { return "sink_stale" }

// Name returns "service_removed".
func (*ServiceRemoved) Name() string { return "service_removed" }
