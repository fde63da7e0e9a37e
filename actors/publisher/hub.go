package publisher

import (
	"context"
	"slices"
	"sync"

	"tokend/messages"
)

// SubscriptionBuffer is how many events a subscriber may lag behind.
const SubscriptionBuffer = 1024

// Hub hands events to subscribers' channels. The zero Hub is ready; its methods
// may be called concurrently.
type Hub struct {
	mu     sync.Mutex // held only to look at the list and for sends that never wait
	subs   map[*subscription]struct{}
	closed bool
}

type subscription struct {
	services []string // sorted; empty: all
	events   chan messages.Event
	forget   func() bool // stops waiting for the subscriber's context
}

// Subscribe returns a channel of the events of the given services, of all
// without any. It is closed when ctx ends or the Hub is closed. A subscriber who
// lags more than [SubscriptionBuffer] events behind misses those that do not fit.
func (h *Hub) Subscribe(ctx context.Context, services ...string) <-chan messages.Event {
	s := &subscription{
		services: slices.Sorted(slices.Values(services)),
		events:   make(chan messages.Event, SubscriptionBuffer),
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(s.events)
		return s.events
	}
	if h.subs == nil {
		h.subs = make(map[*subscription]struct{})
	}
	s.forget = context.AfterFunc(ctx, func() { h.remove(s) })
	h.subs[s] = struct{}{}
	return s.events
}

func (h *Hub) remove(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.subs[s]; ok {
		delete(h.subs, s)
		close(s.events)
	}
}

func (h *Hub) deliver(e messages.Event) {
	service := e.About().Service
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		if len(s.services) > 0 {
			if _, wanted := slices.BinarySearch(s.services, service); !wanted {
				continue
			}
		}
		select {
		case s.events <- e:
		default:
		}
	}
}

// Close ends all subscriptions, the future ones too.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for s := range h.subs {
		s.forget()
		close(s.events)
	}
	h.subs = nil
}
