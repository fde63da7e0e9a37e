package httpapi

import (
	"context"
	"time"

	"tokend/messages"
)

// Keeper is what the door asks: a *system.System, or whatever a test puts in its
// place. All methods may be called concurrently.
type Keeper interface {
	// TokenMinTTL returns the service's token; zero minTTL means the service's own.
	// It waits at most until ctx ends.
	TokenMinTTL(ctx context.Context, service string, minTTL time.Duration) (messages.Token, error)
	// TokensByName returns, for each name, either a token or an error.
	TokensByName(ctx context.Context, minTTL time.Duration, services ...string) (map[string]messages.Token, map[string]error)
	// Info returns everything about the service's token but the token, at once.
	Info(ctx context.Context, service string) (messages.TokenInfo, error)
	// List returns the infos of all services, sorted by name, at once.
	List() []messages.TokenInfo
	// Readiness tells whether every service that counts has a valid token.
	Readiness() messages.Readiness
	// Refresh acquires a new token now and returns the attempt's error.
	Refresh(ctx context.Context, service string) error
	// Invalidate gives up the token with that fingerprint, if it is the current one,
	// or whatever token is current if the fingerprint is empty. It reports whether it
	// did, and waits for the acquisition it causes.
	Invalidate(ctx context.Context, service, fingerprint string) (bool, error)
	// LastEvent returns the id of the newest event.
	LastEvent() uint64
	// EventsAfter appends to entries the events that followed the one with that id,
	// as many as there is room for, and one without event for those that are gone.
	// The channel is closed when there is more to get, and nil when there never will
	// be.
	EventsAfter(id uint64, entries []messages.Entry) (_ []messages.Entry, more <-chan struct{})
	// AppendCached appends the value of the service's token to dst, and returns the
	// token without it, if that is at hand; it does not wait.
	AppendCached(dst []byte, service string, minTTL time.Duration) ([]byte, messages.Token, bool)
	// Timeout returns how long one acquisition for the service may take.
	Timeout(service string) (time.Duration, error)
}

// PlacingKeeper is a [Keeper] that knows where tokens go.
type PlacingKeeper interface {
	// Placement returns where in a request the service's token goes, and to which hosts
	// it may be sent; nil where nothing is said. It is asked with every token.
	Placement(service string) *messages.Placement
}

// ExplainingKeeper is a [Keeper] that says why it does not invalidate.
type ExplainingKeeper interface {
	// InvalidateWhy is Invalidate and returns why the token was not given up, one of the
	// Kept constants of messages; empty if it was.
	InvalidateWhy(ctx context.Context, service, fingerprint string) (reason string, err error)
}

// CrowdedKeeper is a [Keeper] that bounds how many callers wait for one service.
type CrowdedKeeper interface {
	// Waiters returns how many may wait for the service's token; 0: there is no such
	// service.
	Waiters(service string) int
}

// VaultKeeper is a [Keeper] that may keep tokens over a restart.
type VaultKeeper interface {
	// VaultState tells how what keeps them does, at once, and whether there is such a
	// thing.
	VaultState() (state messages.VaultState, kept bool)
}
