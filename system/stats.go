package system

import (
	"iter"

	"tokend/actors/token"
	"tokend/messages"
)

// Stats are what is counted and can be seen of a service without asking its actor.
type Stats struct {
	Service  string
	Provider string // the kind of provider, as configured
	token.Stats
}

// Stats returns what is counted of every service, by name. It costs the services'
// actors nothing.
func (s *System) Stats() iter.Seq[Stats] {
	return func(yield func(Stats) bool) {
		for slot := range s.directory.Sorted() {
			if !yield(Stats{Service: slot.Name(), Provider: slot.Options().Kind, Stats: slot.Stats()}) {
				return
			}
		}
	}
}

// GateStats is how busy one host's token endpoint is.
type GateStats struct {
	Host     string
	Limit    int // acquisitions that may be under way at a time
	InFlight int // acquisitions that have a place; those that need none are not counted
	Queued   int // acquisitions that wait for a place
}

// Gates returns how busy the hosts' token endpoints are, by host.
func (s *System) Gates() []GateStats { return s.gates.stats() }

// Timings returns how long acquisitions took, by kind of provider.
func (s *System) Timings() []token.Timing { return s.env.Timings.All() }

// EventsLost returns how many events were dropped because those who listen, or the
// log, could not keep up with them.
func (s *System) EventsLost() uint64 { return s.publisher.Lost() }

// LastEvent returns the id of the newest event, see [System.EventsAfter].
func (s *System) LastEvent() uint64 { return s.publisher.LastEvent() }

// EventsAfter appends to entries the events that followed the one with the given
// id, as many as there is room for; there must be room for one. Of all services'
// events the last few thousand are kept, and an entry without event stands for
// those that are gone. The channel is closed when there is more to get, and nil
// when the System has ended and there never will be.
//
// Unlike those of [System.Subscribe], readers who lag behind cost nothing.
func (s *System) EventsAfter(id uint64, entries []messages.Entry) (_ []messages.Entry, more <-chan struct{}) {
	return s.publisher.EventsAfter(id, entries)
}
