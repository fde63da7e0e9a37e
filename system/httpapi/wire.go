package httpapi

import (
	"encoding/json"
	"strings"
	"time"

	"tokend/messages"
)

// Token is an access token as it goes over the wire. It prints redacted, by
// encoding/json too: only [Token.AppendJSON] shows its value.
type Token struct {
	AccessToken messages.Secret `json:"access_token"`
	TokenType   string          `json:"token_type,omitempty"`
	ExpiresIn   *int64          `json:"expires_in,omitempty"` // seconds left when it was written; nil: no expiry
	ExpiresAt   time.Time       `json:"expires_at,omitzero"`
	Service     string          `json:"service"`
	State       string          `json:"state"`
	Generation  uint64          `json:"generation"`
	Fingerprint string          `json:"fingerprint"`
	Scope       string          `json:"scope,omitempty"` // granted scopes, separated by spaces
}

// TokenOf returns t as it is written at now.
func TokenOf(t messages.Token, now time.Time) Token {
	wire := Token{
		AccessToken: messages.NewSecret(t.Value()),
		TokenType:   t.Type,
		ExpiresAt:   instant(t.ExpiresAt),
		Service:     t.Service,
		State:       t.State,
		Generation:  t.Generation,
		Fingerprint: t.Fingerprint,
		Scope:       strings.Join(t.Scopes, " "),
	}
	if !t.ExpiresAt.IsZero() {
		wire.ExpiresIn = new(max(0, int64(t.ExpiresAt.Sub(now)/time.Second)))
	}
	return wire
}

// beginsToken is how a token's JSON begins, as far as its value.
const beginsToken = `{"access_token":"`

// AppendJSON appends the token, value included, as a JSON object.
func (t Token) AppendJSON(b []byte) []byte {
	b = append(b, beginsToken[:len(beginsToken)-1]...)
	return t.appendRest(appendString(b, t.AccessToken.Reveal()))
}

// appendRest appends what follows the value.
func (t Token) appendRest(b []byte) []byte {
	o := object{b}
	o.text("token_type", t.TokenType)
	if t.ExpiresIn != nil {
		o.integer("expires_in", *t.ExpiresIn)
	}
	o.time("expires_at", t.ExpiresAt)
	o.text("service", t.Service)
	o.text("state", t.State)
	o.unsigned("generation", t.Generation)
	o.text("fingerprint", t.Fingerprint)
	o.text("scope", t.Scope)
	return append(o.b, '}')
}

// UnmarshalJSON reads what AppendJSON wrote.
func (t *Token) UnmarshalJSON(data []byte) error {
	type plain Token // without this method
	wire := struct {
		AccessToken string `json:"access_token"`
		*plain
	}{plain: (*plain)(t)}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	t.AccessToken = messages.NewSecret(wire.AccessToken)
	return nil
}

// size bounds the length of the token's JSON if nothing in it needs escaping.
func (t Token) size() int {
	const names = 256 // names, punctuation, numbers and the time
	return names + len(t.AccessToken.Reveal()) + len(t.TokenType) + len(t.Service) + len(t.State) + len(t.Fingerprint) + len(t.Scope)
}

// instant returns t as it is written: UTC, to the millisecond, never later than t.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}
