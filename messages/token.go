package messages

import (
	"fmt"
	"log/slog"
	"time"
)

// The states a service's token can be in. They are what [Token] and [TokenInfo]
// carry in their State field.
const (
	StateEmpty    = "empty"    // none acquired yet
	StateFresh    = "fresh"    // valid, before its refresh point, last attempt not failed
	StateDue      = "due"      // valid, past its refresh point, last attempt not failed
	StateDegraded = "degraded" // valid, but the last attempt to replace it failed, or a caller reported it as refused
	StateExpired  = "expired"  // had one; it died or was invalidated before a new one came
)

// Living reports whether a token in that state may be handed out.
func Living(state string) bool {
	return state == StateFresh || state == StateDue || state == StateDegraded
}

// Token is an access token as it is handed out. It was valid when it was handed
// out; ExpiresAt tells until when it stays so (zero: it has no expiry).
//
// A Token is a value that may be copied and used concurrently. Scopes is shared
// between all callers and must not be written to. A Token prints without its
// value everywhere; [Token.Value] and [Token.Header] are the only ways to it.
type Token struct {
	Service     string    // name of the service it belongs to
	Type        string    // how it is sent: the scheme of an Authorization header, such as "Bearer"
	ServerType  string    // what the server called its type; empty: nothing else than Type
	State       string    // StateFresh, StateDue or StateDegraded
	Fingerprint string    // names the token in logs, events and InvalidateToken
	Generation  uint64    // counts the service's tokens, from 1
	Scopes      []string  // granted scopes; read only
	CreatedAt   time.Time // when it was requested from the IdP, in UTC
	ExpiresAt   time.Time // when it dies, in UTC; zero for a token without expiry

	value Secret
}

// WithValue returns a copy of t that carries the given access token.
func (t Token) WithValue(accessToken Secret) Token {
	t.value = accessToken
	return t
}

// Value returns the access token itself.
func (t Token) Value() string { return t.value.Reveal() }

// Header returns the value of an Authorization header for this token
// (RFC 6750, section 2.1, for Bearer). It knows nothing of a service whose tokens go
// elsewhere: [Placement.HeaderOf] does.
func (t Token) Header() string { return t.Type + " " + t.value.Reveal() }

// String describes the token without its value.
func (t Token) String() string {
	if t.Generation == 0 {
		return "no token"
	}
	return fmt.Sprintf("token of %s, generation %d, fingerprint %s, %s", t.Service, t.Generation, t.Fingerprint, t.State)
}

// Format prints what String returns, for every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, t.String()) }

// LogValue returns what String returns.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// TokenInfo is everything about a service's token but the token.
type TokenInfo struct {
	Service          string
	Provider         string        // the kind of provider, as configured
	State            string        // one of the State constants
	Since            time.Time     // since when the service has, or has not, a valid token
	CreatedAt        time.Time     // zero without a token, as are the next three
	ExpiresAt        time.Time     // also zero for a token without expiry, as are the next two
	NotBefore        time.Time     // when the token begins to be valid by its own word; zero once it is
	RefreshAt        time.Time     // the refresh point, jitter included
	WarnAt           time.Time     // the warning point
	RefreshThreshold time.Duration // how long before expiry refresh is due, jitter not included
	TokenType        string        // how the token is sent, such as "Bearer"
	ServerTokenType  string        // what the server called its type; empty: nothing else than TokenType
	Scopes           []string
	ScopesMissing    []string // asked for, but not granted; nil: none
	Generation       uint64   // counts the service's tokens; 0: none yet
	Fingerprint      string
	Required         bool     // an invalid token of this service makes the node unready
	Eager            bool     // acquired at start, not at first need
	Needed           bool     // eager, or asked for at least once
	Suspect          bool     // a caller reported the token as refused; it serves for want of a better one
	LastError        *Failure // nil when the last attempt succeeded
	Counters         Counters
}

// Failure tells why the last attempt to acquire a token failed.
type Failure struct {
	Class    string    // one of the Class constants
	Text     string    // what happened, without secrets
	At       time.Time // when
	Attempts int       // failed attempts in a row
	NextTry  time.Time // when the next attempt is planned
}

// Counters count what happened to a service since the process started.
type Counters struct {
	Hits      uint64 // callers answered with a token without waiting
	Misses    uint64 // callers who waited, or got an error
	Refreshes uint64 // acquisitions that brought a token, the first one included
	Failures  uint64 // acquisitions that failed
}

// Readiness tells whether a node can do its work.
type Readiness struct {
	Ready    bool
	Services []Unready // what counts against it, by name
}

// Unready is a required service that was needed and has no valid token.
type Unready struct {
	Service string
	State   string
	Class   string    // of the last failure, empty without one
	Since   time.Time // since when it has had no valid token
	NextTry time.Time // zero without a failure
}

// VaultState tells how what keeps tokens over a restart does. It does not count for
// readiness: tokens are served without.
type VaultState struct {
	Degraded bool      // what is new cannot be written; it waits in memory
	Since    time.Time // since when; zero unless degraded
	Text     string    // why, without secrets; empty unless degraded
}
