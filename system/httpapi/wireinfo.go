package httpapi

import (
	"time"

	"tokend/messages"
)

// TokenInfo is everything about a service's token but the token.
type TokenInfo struct {
	Service          string    `json:"service"`
	Provider         string    `json:"provider"`
	State            string    `json:"state"`
	Suspect          bool      `json:"suspect,omitempty"` // reported as refused; it serves for want of a better one
	CreatedAt        time.Time `json:"created_at,omitzero"`
	ExpiresAt        time.Time `json:"expires_at,omitzero"`
	NotBefore        time.Time `json:"not_before,omitzero"` // until then the token is not valid by its own word
	RefreshAt        time.Time `json:"refresh_at,omitzero"`
	WarnAt           time.Time `json:"warn_at,omitzero"`
	RefreshThreshold string    `json:"refresh_threshold,omitempty"`
	TokenType        string    `json:"token_type,omitempty"`
	ServerTokenType  string    `json:"server_token_type,omitempty"` // what the server calls it, if that is another
	Scopes           []string  `json:"scopes,omitempty"`
	ScopesMissing    []string  `json:"scopes_missing,omitempty"` // asked for, but not granted
	Generation       uint64    `json:"generation"`
	Fingerprint      string    `json:"fingerprint,omitempty"`
	Required         bool      `json:"required"`
	Eager            bool      `json:"eager"`
	LastError        *Failure  `json:"last_error,omitempty"`
	Counters         Counters  `json:"counters"`
}

// Failure tells why the last attempt to acquire a token failed.
type Failure struct {
	Class    string    `json:"class"`
	Text     string    `json:"text"`
	At       time.Time `json:"at,omitzero"`
	Attempts int       `json:"attempts"`
	NextTry  time.Time `json:"next_try,omitzero"`
}

// Counters count what happened to a service since the node started.
type Counters struct {
	Hits      uint64 `json:"hits"`
	Misses    uint64 `json:"misses"`
	Refreshes uint64 `json:"refreshes"`
	Failures  uint64 `json:"failures"`
}

// Services is the answer of GET /v1/services, sorted by name.
type Services struct {
	Services []TokenInfo `json:"services"`
}

// Readiness is the answer of GET /readyz.
type Readiness struct {
	Ready    bool      `json:"ready"`
	Services []Unready `json:"services"` // what counts against it
	Vault    *Vault    `json:"vault,omitempty"`
}

// Vault tells how what keeps tokens over a restart does. It does not count for
// readiness.
type Vault struct {
	State string    `json:"state"` // ok or degraded
	Since time.Time `json:"since,omitzero"`
	Text  string    `json:"text,omitempty"`
}

// Unready is a service that counts against readiness.
type Unready struct {
	Service string    `json:"service"`
	State   string    `json:"state"`
	Class   string    `json:"class,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	NextTry time.Time `json:"next_try,omitzero"`
}

// TokenInfoOf returns i as it is written.
func TokenInfoOf(i messages.TokenInfo) TokenInfo {
	wire := TokenInfo{
		Service: i.Service, Provider: i.Provider, State: i.State, Suspect: i.Suspect,
		CreatedAt: instant(i.CreatedAt), ExpiresAt: instant(i.ExpiresAt),
		NotBefore: instant(i.NotBefore), RefreshAt: instant(i.RefreshAt), WarnAt: instant(i.WarnAt),
		TokenType: i.TokenType, ServerTokenType: i.ServerTokenType, Scopes: i.Scopes, ScopesMissing: i.ScopesMissing,
		Generation: i.Generation, Fingerprint: i.Fingerprint,
		Required: i.Required, Eager: i.Eager,
		LastError: failureOf(i.LastError), Counters: Counters(i.Counters),
	}
	if i.RefreshThreshold > 0 {
		wire.RefreshThreshold = i.RefreshThreshold.String()
	}
	return wire
}

func failureOf(f *messages.Failure) *Failure {
	if f == nil {
		return nil
	}
	return &Failure{Class: f.Class, Text: f.Text, At: instant(f.At), Attempts: f.Attempts, NextTry: instant(f.NextTry)}
}

// ServicesOf returns list as it is written.
func ServicesOf(list []messages.TokenInfo) Services {
	wire := Services{Services: make([]TokenInfo, len(list))}
	for i, info := range list {
		wire.Services[i] = TokenInfoOf(info)
	}
	return wire
}

// ReadinessOf returns r as it is written.
func ReadinessOf(r messages.Readiness) Readiness {
	wire := Readiness{Ready: r.Ready, Services: make([]Unready, len(r.Services))}
	for i, u := range r.Services {
		wire.Services[i] = Unready{
			Service: u.Service, State: u.State, Class: u.Class,
			Since: instant(u.Since), NextTry: instant(u.NextTry),
		}
	}
	return wire
}

func vaultOf(v messages.VaultState) *Vault {
	if !v.Degraded {
		return &Vault{State: "ok"}
	}
	return &Vault{State: "degraded", Since: instant(v.Since), Text: v.Text}
}

// nextTry returns when the first of the services is tried again, zero if none is.
func (r Readiness) nextTry() (first time.Time) {
	for _, u := range r.Services {
		if !u.NextTry.IsZero() && (first.IsZero() || u.NextTry.Before(first)) {
			first = u.NextTry
		}
	}
	return first
}
