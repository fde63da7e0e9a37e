package provider

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"tokend/messages"
)

// Provider acquires access tokens for one service.
type Provider interface {
	// Acquire asks for a new token. It must return soon after ctx ends, is never
	// called concurrently for one service, and may be called again at any time.
	// It returns an *Error to say more than "transient" about a failure, whose text
	// is withheld if it holds a secret of req; any other error is taken as transient
	// and its text is not shown, for nobody knows what is in it. The State of a
	// Result counts beside an error too: what came of the request may be a new
	// refresh token and nothing else that can be used.
	Acquire(ctx context.Context, req Request) (Result, error)
}

// Func is a function that is a Provider.
type Func func(ctx context.Context, req Request) (Result, error)

// Acquire calls f.
func (f Func) Acquire(ctx context.Context, req Request) (Result, error) { return f(ctx, req) }

// Hosted is what a Provider implements that calls a token endpoint or runs a
// command: services with the same host share the bound on acquisitions in flight.
type Hosted interface {
	// Host returns the endpoint's host and port in lower case, or "exec:" and the
	// path of the command.
	Host() string
}

// Personal is what a Provider implements that may send a person's credentials. Where it
// does, that an attempt has begun is kept over a restart: no one may learn of its
// outcome, but whoever locks accounts counts it.
type Personal interface {
	// Personal reports whether it sends such credentials at every acquisition.
	Personal() bool
}

// Request is what a Provider is told.
type Request struct {
	Service  string
	Previous State // what the last Result with a State carried, also before the service was configured anew
	// Hidden are texts that no error may show besides the provider's own secrets and
	// Previous, such as the token at hand: an endpoint may name it when it refuses to
	// give out another.
	Hidden []messages.Secret
	// Asked says that someone wants this very attempt: a pause that the provider keeps
	// by itself does not count.
	Asked bool
	// Probe asks for the login alone that was found to be lost, see [Result]: whatever
	// serves in its place is at hand and good, and must not be asked.
	Probe bool
}

// hide makes what the request itself holds known to hidden.
func (r *Request) hide(hidden *secrets) {
	hidden.add(string(r.Previous.Bytes()))
	for _, secret := range r.Hidden {
		hidden.add(secret.Reveal())
	}
}

// State is what a Provider wants to have again at the next acquisition, such as
// a refresh token. It is opaque to everybody else, sealed and kept by the vault,
// and prints redacted.
type State struct{ bytes messages.Secret }

// NewState returns a State that holds a copy of b.
func NewState(b []byte) State { return State{messages.NewSecret(string(b))} }

// Bytes returns a copy of what the State holds, nil if nothing.
func (s State) Bytes() []byte {
	if s.IsZero() {
		return nil
	}
	return []byte(s.bytes.Reveal())
}

// IsZero reports whether the State holds nothing.
func (s State) IsZero() bool { return s.bytes.IsZero() }

// String returns [messages.Redacted].
func (State) String() string { return messages.Redacted }

// Format prints [messages.Redacted] for every verb.
func (State) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, messages.Redacted) }

// MarshalText returns [messages.Redacted].
func (State) MarshalText() ([]byte, error) { return []byte(messages.Redacted), nil }

// LogValue returns [messages.Redacted].
func (State) LogValue() slog.Value { return slog.StringValue(messages.Redacted) }

// Result is what a Provider acquired.
//
// Of Lifetime, ExpiresAt and a JWT's own claims the earliest end counts. Lifetime
// runs from the moment Acquire was called; absolute times are compared with the
// local clock and with Date, if that is plausible. What the providers of this package
// return holds more than they say. Without any of them the token lives
// until it is replaced if NoExpiry says so, else for the service's default_ttl;
// without that too, until it is replaced if Lasting says so, else the result is
// malformed. See [Lifetime].
type Result struct {
	AccessToken messages.Secret
	Type        string // how the token is sent: the scheme of an Authorization header; empty: Bearer
	ServerType  string // what the server called the type; empty: nothing, or Type
	Lifetime    time.Duration
	ExpiresAt   time.Time
	Date        time.Time // the IdP's clock when it answered; zero: unknown
	// WholeSeconds says that Lifetime was counted in whole seconds, as expires_in of
	// OAuth is: it ends a second earlier.
	WholeSeconds bool
	NoExpiry     bool     // the token has no expiry, unless one of the others says so
	Lasting      bool     // the same, unless the service has a default_ttl
	AnyLength    bool     // the token is not from an acquisition: it may live for over 5 years
	Scopes       []string // nil: as asked
	State        State    // zero: keep the previous one
	Lost         string   // as in [Error], of a token that another way was found to
	// Probe is after how long the lost login is worth another try, by a Request that
	// says so; 0: it is not, or there is none.
	Probe time.Duration
	// RefreshToken came with the token and is in no State: nobody keeps it but a
	// provider that has this one as its fallback.
	RefreshToken messages.Secret
	Notes        []Note // what to know about an answer that works all the same

	ends ends // all that the answer says about the token's end
}

// Note is what an operator should know about an answer that works: the node logs
// each at warning level, once for a service and a Key.
type Note struct {
	Key  string // tells notes apart, whatever their texts say
	Text string // short, and without a secret
}

// Scoped is what a Provider implements that asks for scopes: what is granted may
// be less (RFC 6749, section 5.1).
type Scoped interface {
	// Asked returns the scopes that are asked for; read only.
	Asked() []string
}
