package httpapi

import (
	"time"

	"tokend/messages"
)

// EventGap is the name of the event that says that others were missed.
const EventGap = "gap"

// Event is an event as it goes over the wire. One whose name is [EventGap] stands
// for events that were lost to its reader and has nothing else.
type Event struct {
	Event       string    `json:"event"`
	At          time.Time `json:"at,omitzero"`
	Service     string    `json:"service,omitempty"`
	State       string    `json:"state,omitempty"`
	Generation  *uint64   `json:"generation,omitempty"` // nil: it is no event of a service
	Fingerprint string    `json:"fingerprint,omitempty"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	Class       string    `json:"class,omitempty"`
	Text        string    `json:"text,omitempty"`
	Attempts    int       `json:"attempts,omitempty"`
	NextTry     time.Time `json:"next_try,omitzero"`
}

// Gap returns the event that says that others were missed.
func Gap() Event { return Event{Event: EventGap} }

// EventOf returns e as it is written.
func EventOf(e messages.Event) Event {
	o := e.About()
	wire := Event{
		Event: e.Name(), At: instant(o.At), Service: o.Service, State: o.State,
		Generation: &o.Generation, Fingerprint: o.Fingerprint, ExpiresAt: instant(o.ExpiresAt),
	}
	switch e := e.(type) {
	case *messages.RefreshFailed:
		wire.failed(&e.Failure)
	case *messages.LoginLost:
		wire.failed(&e.Failure)
	case *messages.TokenExpiring:
		wire.failed(e.LastError)
	case *messages.TokenExpired:
		wire.failed(e.LastError)
	case *messages.ActorRestarted:
		wire.Text, wire.Attempts = e.Reason, e.Restarts
	case *messages.SinkStale:
		wire.Text = e.Path
	case *messages.TokenAcquired, *messages.TokenRefreshed, *messages.TokenInvalidated, *messages.ServiceRemoved:
	}
	return wire
}

func (e *Event) failed(f *messages.Failure) {
	if f != nil {
		e.Class, e.Text, e.Attempts, e.NextTry = f.Class, f.Text, f.Attempts, instant(f.NextTry)
	}
}
