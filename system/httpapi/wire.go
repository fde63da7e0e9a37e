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
	ServerType  string          `json:"server_token_type,omitempty"` // what the server calls it, if that is another
	ExpiresIn   *int64          `json:"expires_in,omitempty"`        // seconds left when it was written; nil: no expiry
	ExpiresAt   time.Time       `json:"expires_at,omitzero"`
	Service     string          `json:"service"`
	State       string          `json:"state"`
	Generation  uint64          `json:"generation"`
	Fingerprint string          `json:"fingerprint"`
	Scope       string          `json:"scope,omitempty"` // granted scopes, separated by spaces
	Inject      *Inject         `json:"inject,omitempty"`
	Hosts       []string        `json:"hosts,omitempty"` // to which the token may be sent; none: nothing is said
}

// Inject says where in a request a token goes that does not go into the Authorization
// header after its type. One of Header, Query and Cookie is set.
type Inject struct {
	Header string  `json:"header,omitempty"`
	Prefix *string `json:"prefix,omitempty"`
	Query  string  `json:"query,omitempty"`
	Cookie string  `json:"cookie,omitempty"`
}

// TokenOf returns t as it is written at now.
func TokenOf(t messages.Token, now time.Time) Token {
	wire := Token{
		AccessToken: messages.NewSecret(t.Value()),
		TokenType:   t.Type,
		ServerType:  t.ServerType,
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

// at returns t as a token that has a placement.
func (t Token) at(p *messages.Placement) Token {
	if p == nil {
		return t
	}
	t.Hosts = p.Hosts
	if p.Header != "" || p.Query != "" || p.Cookie != "" {
		t.Inject = &Inject{Header: p.Header, Prefix: p.Prefix, Query: p.Query, Cookie: p.Cookie}
	}
	return t
}

// Placement returns where the token goes.
func (t Token) Placement() messages.Placement {
	p := messages.Placement{Hosts: t.Hosts}
	if i := t.Inject; i != nil {
		p.Header, p.Prefix, p.Query, p.Cookie = i.Header, i.Prefix, i.Query, i.Cookie
	}
	return p
}

// placementOf returns where the service's token goes, nil if nothing is said.
func (h *handler) placementOf(service string) *messages.Placement {
	if h.placing == nil {
		return nil
	}
	return h.placing.Placement(service)
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
	o.text("server_token_type", t.ServerType)
	if t.ExpiresIn != nil {
		o.integer("expires_in", *t.ExpiresIn)
	}
	o.time("expires_at", t.ExpiresAt)
	o.text("service", t.Service)
	o.text("state", t.State)
	o.unsigned("generation", t.Generation)
	o.text("fingerprint", t.Fingerprint)
	o.text("scope", t.Scope)
	if t.Inject != nil {
		o.inject(t.Inject)
	}
	o.texts("hosts", t.Hosts)
	return append(o.b, '}')
}

func (o *object) inject(i *Inject) {
	o.name("inject")
	inner := object{append(o.b, '{')}
	inner.text("header", i.Header)
	if i.Prefix != nil {
		inner.name("prefix")
		inner.b = appendString(inner.b, *i.Prefix)
	}
	inner.text("query", i.Query)
	inner.text("cookie", i.Cookie)
	o.b = append(inner.b, '}')
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
	return names + len(t.AccessToken.Reveal()) + len(t.TokenType) + len(t.ServerType) + len(t.Service) + len(t.State) + len(t.Fingerprint) + len(t.Scope) + t.placementSize()
}

// placementSize is the part of size that most tokens do not have.
func (t Token) placementSize() int {
	const names = 64
	size := 0
	if i := t.Inject; i != nil {
		size += names + len(i.Header) + len(i.Query) + len(i.Cookie)
		if i.Prefix != nil {
			size += 2 * len(*i.Prefix) // it may hold quotes
		}
	}
	for _, host := range t.Hosts {
		size += len(host) + len(`"",`)
	}
	return size
}

// instant returns t as it is written: UTC, to the millisecond, never later than t.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}
