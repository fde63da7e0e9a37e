package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"tokend/messages"
	"tokend/system"
)

// mostMissing bounds how many services are named that have no token.
const mostMissing = 20

// awaitTokens waits until every service that is eager and required has a valid
// token, or the time has passed, and returns which have none then. events is the
// id of the last event before the system was started. It fails only if ctx ends.
func awaitTokens(ctx context.Context, sys *system.System, events uint64, timeout time.Duration) (missing []string, err error) {
	patience := time.NewTimer(timeout)
	defer patience.Stop()
	pending := pendingTokens(sys)
	entries := make([]messages.Entry, 0, 256)
	for len(pending) > 0 {
		var more <-chan struct{}
		if entries, more = sys.EventsAfter(events, entries[:0]); len(entries) > 0 {
			events = entries[len(entries)-1].ID
			pending = without(pending, entries, sys)
		}
		if len(pending) == 0 || more == nil { // nil: the system has ended, and whoever serves finds out
			break
		}
		select {
		case <-more:
		case <-patience.C:
			return named(pendingTokens(sys)), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return nil, nil
}

// pendingTokens returns the services that are waited for.
func pendingTokens(sys *system.System) map[string]bool {
	pending := map[string]bool{}
	for _, info := range sys.List() {
		if info.Eager && info.Required && !messages.Living(info.State) {
			pending[info.Service] = true
		}
	}
	return pending
}

// without takes out of pending who has a token by these events. Where events were
// lost, all services are looked at again.
func without(pending map[string]bool, entries []messages.Entry, sys *system.System) map[string]bool {
	for _, e := range entries {
		if e.Event == nil {
			return pendingTokens(sys)
		}
		if o := e.Event.About(); messages.Living(o.State) {
			delete(pending, o.Service)
		}
	}
	return pending
}

// named returns the first of the services by name.
func named(services map[string]bool) []string {
	names := slices.Sorted(maps.Keys(services))
	if len(names) > mostMissing {
		names = append(names[:mostMissing], "…")
	}
	return names
}
